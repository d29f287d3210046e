# For airflow-core/tests/unit/jobs/test_scheduler_job.py
# Where the race is, it fails with: deadlock detected
from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event

import pytest
from sqlalchemy import event, select
from sqlalchemy.exc import DBAPIError

from airflow.jobs.job import Job
from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.utils.session import create_session
from airflow.utils.state import TaskInstanceState

pytestmark = pytest.mark.db_test


@pytest.mark.backend("postgres")
def test_an_end_report_does_not_deadlock_with_a_new_dag_version(dag_maker, session, client):
    """The scheduler has locked the run and wants its tasks: the end report must not want the run."""
    with dag_maker("versioned", serialized=True, session=session):
        EmptyOperator(task_id="task")
    run = dag_maker.create_dagrun(run_id="versioned")
    ti = run.get_task_instance("task", session=session)
    ti.state = TaskInstanceState.RUNNING
    session.commit()
    with dag_maker("versioned", serialized=True, session=session):
        EmptyOperator(task_id="task")
        EmptyOperator(task_id="task_of_the_new_version")
    session.commit()
    ti_id, run_id = ti.id, run.id
    session.rollback()
    runner = SchedulerJobRunner(job=Job())
    report = {"state": "success", "end_date": "2026-01-01T00:00:00Z"}
    task_is_locked = Event()
    errors = []

    def note_lock(conn, cursor, statement, parameters, context, executemany):
        if "FOR UPDATE OF task_instance" in statement:
            task_is_locked.set()

    def note_error(context):
        errors.append(str(context.original_exception))

    engine = session.get_bind()
    event.listen(engine, "after_cursor_execute", note_lock)
    event.listen(engine, "handle_error", note_error)
    try:
        with (
            ThreadPoolExecutor(max_workers=1) as worker,
            suppress(DBAPIError),
            create_session(scoped=False) as scheduler_session,
        ):
            locked = scheduler_session.scalar(select(DagRun).where(DagRun.id == run_id).with_for_update())
            answer = worker.submit(client.patch, f"/execution/task-instances/{ti_id}/state", json=report)
            assert task_is_locked.wait(timeout=120)
            runner._verify_integrity_if_dag_changed(locked, session=scheduler_session)
    finally:
        event.remove(engine, "after_cursor_execute", note_lock)
        event.remove(engine, "handle_error", note_error)

    assert not errors
    assert answer.result().status_code == 204
    session.expire_all()
    assert session.get(TaskInstance, ti_id).state == TaskInstanceState.SUCCESS
