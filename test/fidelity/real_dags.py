"""What the real workers of test/fidelity run: operators that end, fail, branch, defer, wait and die, as users' do."""

from __future__ import annotations

import os
import signal
import time
from datetime import datetime, timedelta

from airflow.sdk import DAG, Asset, BaseOperator, Connection, Variable, task

try:
    from airflow.sdk.bases.branch import BaseBranchOperator
except ImportError:
    from airflow.providers.standard.operators.branch import BaseBranchOperator
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.providers.standard.triggers.file import FileTrigger
from airflow.sdk.bases.sensor import BaseSensorOperator


class Plain(BaseOperator):
    template_fields = ("bash_command",)

    def __init__(self, *, bash_command: str, seconds: float = 0, **kwargs):
        super().__init__(**kwargs)
        self.bash_command = bash_command
        self.seconds = seconds

    def execute(self, context):
        time.sleep(self.seconds)


class Branch(BaseBranchOperator):
    def choose_branch(self, context):
        return "chosen"


class Deferrable(Plain):
    def execute(self, context):
        self.defer(
            trigger=FileTrigger(filepath="/etc/hosts", poke_interval=1),
            method_name="execute_complete",
            timeout=timedelta(minutes=10),
        )

    def execute_complete(self, context, event=None):
        return "resumed"


class Sensor(BaseSensorOperator):
    def poke(self, context):
        return context["ti"]._ti_context_from_server.task_reschedule_count > 0


def boom():
    raise ValueError("boom")


def reads():
    Variable.get("v", default=None)
    Variable.set("v", "1")
    try:
        Connection.get("c")
    except Exception as error:
        print("no connection", error)


def works(seconds: int):
    """In small pieces, as Python that computes: a signal does not end it."""
    for _ in range(seconds * 10):
        time.sleep(0.1)


def works_then_pushes():
    works(8)
    return "late"


def works_then_fails():
    works(8)
    raise ValueError("boom")


def dies():
    """As by the kernel, when memory is short."""
    os.kill(os.getpid(), signal.SIGKILL)


with DAG("wt_real", schedule=None, start_date=datetime(2026, 1, 1)):
    Plain(task_id="plain", bash_command="echo {{ run_id }}")
    Plain(task_id="plain_retry", bash_command="x", retries=2)
    Plain(task_id="sleeps_12", bash_command="x", seconds=12)
    BashOperator(task_id="bash", bash_command="echo {{ run_id }}")
    PythonOperator(task_id="returns", python_callable=lambda: {"a": 1})
    PythonOperator(task_id="returns_retry", python_callable=lambda: {"a": 1}, retries=2)
    others = [Plain(task_id=name, bash_command="x") for name in ("chosen", "other_1", "other_2")]
    Branch(task_id="branch") >> others
    Branch(task_id="branch_retry", retries=2) >> others
    Deferrable(task_id="deferrable", bash_command="x")
    Sensor(task_id="sensor", mode="reschedule", poke_interval=30, timeout=10**9)
    PythonOperator(task_id="fails", python_callable=boom)
    PythonOperator(task_id="fails_retry", python_callable=boom, retries=2)

    @task
    def lists():
        return [1, 2, 3]

    @task(map_index_template="{{ ti.map_index }}-x")
    def each(x):
        return x * 2

    @task
    def total(xs):
        return sum(xs)

    total(each.expand(x=lists()))
    Plain(task_id="outlets", bash_command="x", outlets=[Asset("a_out")], inlets=[Asset("a_in")])
    PythonOperator(task_id="reads", python_callable=reads)
    TriggerDagRunOperator(task_id="trigger", trigger_dag_id="wt_other")
    TriggerDagRunOperator(task_id="trigger_retry", trigger_dag_id="wt_other", retries=2)
    ApprovalOperator(task_id="hitl", subject="ok?")
    PythonOperator(task_id="works_240", python_callable=works, op_args=[240], retries=2)
    PythonOperator(task_id="works_8_pushes", python_callable=works_then_pushes, retries=2)
    PythonOperator(task_id="works_8_fails", python_callable=works_then_fails, retries=2)
    BashOperator(task_id="bash_240", bash_command="sleep 240", retries=2)
    PythonOperator(task_id="dies", python_callable=dies)
    PythonOperator(task_id="dies_retry", python_callable=dies, retries=2)
