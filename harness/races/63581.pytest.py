# For airflow-core/tests/unit/api_fastapi/execution_api/versions/head/test_task_instances.py
# Where the race is, it fails with: assert 409 == 201
from __future__ import annotations

import pytest
from sqlalchemy import event, select

from airflow.models.renderedtifields import RenderedTaskInstanceFields
from airflow.models.taskinstance import TaskInstance
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.utils.session import create_session
from airflow.utils.state import TaskInstanceState

pytestmark = pytest.mark.db_test


def test_rendered_fields_are_accepted_while_the_same_request_is_carried_out(dag_maker, session, client):
    """A client sends its request again after its time-out, and the first one may still be under way."""
    with dag_maker("rendered_twice", serialized=True, session=session):
        EmptyOperator(task_id="task")
    ti = dag_maker.create_dagrun(run_id="rendered_twice").get_task_instance("task", session=session)
    ti.state = TaskInstanceState.RUNNING
    session.commit()
    insert = f"INSERT INTO {RenderedTaskInstanceFields.__tablename__} "
    others = [{"command": "of the first request"}]

    def write_other_first(conn, cursor, statement, parameters, context, executemany):
        if others and statement.startswith(insert):
            fields = others.pop()
            with create_session(scoped=False) as other_session:
                other_session.get(TaskInstance, ti.id).update_rtif(fields, session=other_session)

    engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", write_other_first)
    try:
        response = client.put(
            f"/execution/task-instances/{ti.id}/rtif", json={"command": "of the second request"}
        )
    finally:
        event.remove(engine, "before_cursor_execute", write_other_first)

    assert others == []
    assert response.status_code == 201
    assert session.scalar(
        select(RenderedTaskInstanceFields.rendered_fields).filter_by(dag_id="rendered_twice")
    ) == {"command": "of the second request"}
