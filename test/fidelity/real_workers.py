"""The real supervisor of the Airflow that this Python has, with a real child process and real operators.

    python real_workers.py < CASES > ENDS

CASES: a JSON object a line, {"name", "task", "map_index"}. ENDS: one a line, {"name", "end"}, as each case ends: what
an executor would learn of it. The Execution API is where AIRFLOW__CORE__EXECUTION_API_SERVER_URL says; the name of a case
is its token. Airflow is imported once, and each case is a fork of that, as LocalExecutor does it.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
import uuid

# One more worker every so often: each reads its DAG at its start, and thirty at once would only wait for each other.
STAGGER_S = 0.6


def play(case: dict) -> str:
    from airflow.sdk.execution_time import supervisor

    try:
        from airflow.executors.workloads.task import TaskInstanceDTO
    except ImportError:
        from airflow.executors.workloads import TaskInstance as TaskInstanceDTO
    try:
        from airflow.executors.workloads.base import BundleInfo
    except ImportError:
        from airflow.executors.workloads import BundleInfo

    instance = TaskInstanceDTO(
        id=uuid.uuid4(),
        dag_version_id=uuid.uuid4(),
        dag_id="wt_real",
        run_id="r1",
        task_id=case["task"],
        try_number=1,
        map_index=case["map_index"],
        pool_slots=1,
        queue="default",
        priority_weight=1,
        context_carrier={},
    )
    supervise = getattr(supervisor, "supervise_task", None) or supervisor.supervise
    try:
        supervise(
            ti=instance,
            dag_rel_path="real_dags.py",
            bundle_info=BundleInfo(name="dags-folder"),
            token=case["name"],
            server=os.environ["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"],
        )
    except BaseException as error:
        return f"raised {type(error).__name__}"
    # Whatever the exit code of the task's process was: executors do not look at it.
    return "returned"


def main() -> None:
    ends = os.dup(1)
    # What tasks print is not for the reader of ENDS.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    logging.disable(logging.CRITICAL)
    cases = [json.loads(line) for line in sys.stdin if line.strip()]
    import airflow.sdk.execution_time.supervisor  # noqa: F401
    import airflow.sdk.execution_time.task_runner  # noqa: F401

    children = []
    for case in cases:
        child = os.fork()
        if child == 0:
            end = play(case)
            os.write(ends, (json.dumps({"name": case["name"], "end": end}) + "\n").encode())
            os._exit(0)
        children.append(child)
        time.sleep(STAGGER_S)
    for child in children:
        os.waitpid(child, 0)


main()
