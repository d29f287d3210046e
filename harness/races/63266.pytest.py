# For airflow-core/tests/unit/api_fastapi/execution_api/versions/head/test_task_instances.py
# Where the race is, it fails with: assert 'skipped' ==
from __future__ import annotations

import pytest

from airflow.models.taskinstance import TaskInstance
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.utils.session import create_session
from airflow.utils.state import TaskInstanceState

pytestmark = pytest.mark.db_test


@pytest.mark.parametrize(
    "state", [TaskInstanceState.RUNNING, TaskInstanceState.SUCCESS, TaskInstanceState.FAILED]
)
def test_skip_downstream_leaves_a_started_task_alone(dag_maker, session, client, state):
    """With ``one_success`` a task can start before the branch beside it says that it is to be skipped."""
    with dag_maker("branch_beside_a_task", serialized=True, session=session):
        joined = EmptyOperator(task_id="joined", trigger_rule="one_success")
        [EmptyOperator(task_id="branch"), EmptyOperator(task_id="first")] >> joined
    run = dag_maker.create_dagrun(run_id="skipped")
    branch = run.get_task_instance("branch", session=session)
    joined = run.get_task_instance("joined", session=session)
    branch.state = TaskInstanceState.RUNNING
    session.commit()
    with create_session(scoped=False) as worker_session:
        worker_session.get(TaskInstance, joined.id).state = state

    response = client.patch(
        f"/execution/task-instances/{branch.id}/skip-downstream", json={"tasks": ["joined"]}
    )

    assert response.status_code == 204
    session.expire_all()
    assert session.get(TaskInstance, joined.id).state == state
