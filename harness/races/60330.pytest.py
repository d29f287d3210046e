# For airflow-core/tests/unit/models/test_dagrun.py
# Where the race is, it fails with: assert 'scheduled' ==
from __future__ import annotations

import pytest

from airflow.models.taskinstance import TaskInstance
from airflow.providers.standard.operators.bash import BashOperator
from airflow.utils.session import create_session
from airflow.utils.state import TaskInstanceState

pytestmark = pytest.mark.db_test


def test_schedule_tis_leaves_a_task_alone_that_was_skipped_since_the_decision(dag_maker, session):
    """The API server skips what a branch did not follow while a scheduler decides to schedule it."""
    with dag_maker("skipped_since", serialized=True, session=session):
        BashOperator(task_id="skipped", bash_command="true")
    run = dag_maker.create_dagrun(run_id="skipped_since")
    session.commit()
    decision = run.task_instance_scheduling_decisions(session=session)
    assert [ti.task_id for ti in decision.schedulable_tis] == ["skipped"]
    ti_id = decision.schedulable_tis[0].id

    with create_session(scoped=False) as api_session:
        api_session.get(TaskInstance, ti_id).state = TaskInstanceState.SKIPPED
    run.schedule_tis(decision.schedulable_tis, session=session)

    session.commit()
    session.expire_all()
    assert session.get(TaskInstance, ti_id).state == TaskInstanceState.SKIPPED
