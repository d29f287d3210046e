"""
The fixtures of Airflow's own tests that the test beside this file uses, for an Airflow that is installed.

Inside Airflow's repository leave this file out: `dag_maker`, `session` and `client` come from its plugin there.
Elsewhere name an empty PostgreSQL database, migrate it, and run pytest with the Python that has Airflow:

    export AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=postgresql+psycopg2://USER:PASSWORD@HOST/DATABASE
    airflow db migrate && python -m pytest
"""

from __future__ import annotations

import os
import re
import secrets
from datetime import datetime, timezone

import pytest

os.environ.setdefault("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
os.environ.setdefault("AIRFLOW__API_AUTH__JWT_SECRET", secrets.token_hex(32))

BUNDLE = "testing"
START = datetime(2016, 1, 1, tzinfo=timezone.utc)


def pytest_configure(config):
    config.addinivalue_line("markers", "db_test: needs a database")
    config.addinivalue_line("markers", "backend(name): needs a database of this kind")


@pytest.fixture
def session():
    from airflow.utils.session import create_session

    with create_session() as session:
        yield session
        session.rollback()


class DagMaker:
    """A context for a DAG that is in the database at its end, and the runs of it."""

    def __init__(self, session):
        self.session = session

    def __call__(self, dag_id, *, schedule=None, serialized=True, session=None, **kwargs):
        from airflow.sdk import DAG

        self.dag = DAG(dag_id, schedule=schedule, start_date=START, **kwargs)
        return self

    def __enter__(self):
        return self.dag.__enter__()

    def __exit__(self, kind, value, traceback):
        self.dag.__exit__(kind, value, traceback)
        if kind is None:
            self.sync_dag_to_db()

    def sync_dag_to_db(self):
        from airflow.models.dagbundle import DagBundleModel
        from airflow.models.serialized_dag import SerializedDagModel
        from airflow.serialization.serialized_objects import LazyDeserializedDAG, SerializedDAG

        if self.session.get(DagBundleModel, BUNDLE) is None:
            self.session.add(DagBundleModel(name=BUNDLE))
            self.session.flush()
        dag = LazyDeserializedDAG.from_dag(self.dag)
        SerializedDAG.bulk_write_to_db(BUNDLE, None, [dag], session=self.session)
        SerializedDagModel.write_dag(dag, bundle_name=BUNDLE, session=self.session)
        self.session.commit()

    @property
    def serialized_dag(self):
        from airflow.models.serialized_dag import SerializedDagModel

        return SerializedDagModel.get(self.dag.dag_id, session=self.session).dag

    def create_dagrun(self, run_id="test"):
        from airflow.utils.state import DagRunState
        from airflow.utils.types import DagRunTriggeredByType, DagRunType

        run = self.serialized_dag.create_dagrun(
            run_id=run_id,
            logical_date=START,
            data_interval=(START, START),
            run_after=START,
            run_type=DagRunType.MANUAL,
            triggered_by=DagRunTriggeredByType.TEST,
            state=DagRunState.RUNNING,
            start_date=START,
            session=self.session,
        )
        self.session.commit()
        return run


@pytest.fixture
def dag_maker(session):
    from sqlalchemy import delete

    from airflow.models.dagrun import DagRun

    yield DagMaker(session)
    session.rollback()
    session.execute(delete(DagRun))
    session.commit()


@pytest.fixture
def client():
    """Each request has the token of the task instance in its path."""
    from fastapi.testclient import TestClient

    from airflow.api_fastapi.app import cached_app
    from airflow.api_fastapi.auth.tokens import JWTGenerator, get_signing_args
    from airflow.configuration import conf

    generator = JWTGenerator(
        valid_for=conf.getint("execution_api", "jwt_expiration_time"),
        audience=conf.get_mandatory_list_value("execution_api", "jwt_audience")[0],
        issuer=conf.get("api_auth", "jwt_issuer", fallback=None),
        **get_signing_args(make_secret_key_if_needed=False),
    )

    def sign(request):
        task_instance = re.search(r"/task-instances/([0-9a-f-]{36})", request.url.path)
        request.headers["Authorization"] = f"Bearer {generator.generate({'sub': task_instance[1]})}"
        return request

    with TestClient(cached_app(apps="execution")) as client:
        client.auth = sign
        yield client
