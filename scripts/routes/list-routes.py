"""Prints the routes of the Airflow of this Python as one line of JSON: those of the newest version of the Execution API,
from its versioned routers, and those of the public API."""

import json
import logging
import os
import warnings

logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")
# Airflow writes its configuration there when it is imported.
os.environ["AIRFLOW_HOME"] = os.getcwd()

import airflow  # noqa: E402
from airflow.api_fastapi.core_api.routes.public import public_router  # noqa: E402
from airflow.api_fastapi.execution_api.app import create_task_execution_api_app  # noqa: E402

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}
PAGES = ("/docs", "/openapi", "/redoc")


def flat(routes):
    """`GET /path` of each route that is no page of documentation."""
    return {
        f"{method} {route.path}"
        for route in routes
        if getattr(route, "methods", None) and not route.path.startswith(PAGES)
        for method in route.methods
        if method in METHODS
    }


app = create_task_execution_api_app()
# Cadwyn makes the routers of the versions at the first request, or when it is asked to.
getattr(app, "_cadwyn_initialize", lambda: None)()
versions = {str(version): flat(router.routes) for version, router in app.router.versioned_routers.items()}
newest = max(versions)
listed = {
    "airflow": airflow.__version__,
    "execution_api": newest,
    "execution": sorted(versions[newest]),
    "public": sorted(flat(public_router.routes)),
}
print("ROUTES " + json.dumps(listed))
