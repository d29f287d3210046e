"""The DAG factory: builds the DAGs that windtunnel's scenario describes.

Reads the JSON file of its own name beside it (``wt_dags.json``), or the one that ``WINDTUNNEL_DAGS`` names: a list of

    dag_id, schedule (cron or null) or assets ({any: names} or {all: names}), start_date (ISO 8601),
    end_date (ISO 8601 or null), catchup, max_active_runs, max_active_tasks (optional), revision, executor (optional),
    tasks: [{task_id, upstream, trigger_rule?, retries?, mapped?, skips?, reschedules?, pool?, priority_weight?,
             max_active_tis_per_dag?, max_active_tis_per_dagrun?, outlets?, triggers?}]

Nothing here depends on the clock: the writer decides on dates once, and only a new ``revision`` makes a new dag_version.
Parsed every other second while DAGs churn: it imports as little as possible. The operators run in real workers alone,
where workloads/real_workers/windtunnel_workers.py says what they do.
"""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta

from airflow.sdk import DAG, BaseOperator

# A run against a shared folder copies this file under a name of its own.
DEFAULT_FILE = os.path.splitext(os.path.abspath(__file__))[0] + ".json"

# Arguments of an operator under the names of the scenario.
TASK_LIMITS = ("pool", "priority_weight", "max_active_tis_per_dag", "max_active_tis_per_dagrun")


class WorkloadOperator(BaseOperator):
    """Not EmptyOperator, which the scheduler would finish by itself."""

    template_fields = ("bash_command",)

    def __init__(self, *, bash_command: str, **kwargs):
        super().__init__(**kwargs)
        self.bash_command = bash_command

    def execute(self, context):
        return self._work(context, resumed=False)

    def execute_complete(self, context, event=None):
        return self._work(context, resumed=True)

    def on_kill(self):
        if command := getattr(self, "command", None):
            command.terminate()

    def _work(self, context, *, resumed):
        try:
            from windtunnel_workers import work
        except ImportError:
            raise RuntimeError("this task is windtunnel's to play: its DAG was run by another executor") from None
        return work(self, context, resumed=resumed)


class BranchWorkloadOperator(WorkloadOperator):
    """Its life skips the tasks that it did not choose, over HTTP, as a real branch does."""

    # As of every operator with SkipMixin: schedulers look at what it decided when one of its tasks is cleared.
    _can_skip_downstream = True


class SensorWorkloadOperator(WorkloadOperator):
    """Its life asks to be started again later, as a sensor in reschedule mode does."""

    _is_sensor = True
    reschedule = True

    @classmethod
    def get_serialized_fields(cls):
        return super().get_serialized_fields() | {"reschedule", "_is_sensor"}


def trigger_of(task: dict) -> tuple[type, dict]:
    """TriggerDagRunOperator, which does its plan first. Without its provider no real worker can play the task."""
    try:
        from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
    except ImportError:
        return WorkloadOperator, {}

    class TriggerWorkloadOperator(WorkloadOperator, TriggerDagRunOperator):
        template_fields = ("bash_command",)

        def _work(self, context, *, resumed):
            super()._work(context, resumed=resumed)
            # The run has the same as one that a simulated life triggers.
            self.conf = {"windtunnel": f"life {json.loads(os.environ['WINDTUNNEL_LIFE_PLAN'])['life']}"}
            TriggerDagRunOperator.execute(self, context)

    return TriggerWorkloadOperator, {"trigger_dag_id": task["triggers"]}


def schedule_of(spec: dict):
    if "assets" not in spec:
        return spec["schedule"]
    from airflow.sdk import Asset, AssetAll, AssetAny

    ((how, names),) = spec["assets"].items()
    return {"any": AssetAny, "all": AssetAll}[how](*(Asset(name) for name in names))


def outlets_of(task: dict) -> dict:
    if "outlets" not in task:
        return {}
    from airflow.sdk import Asset

    return {"outlets": [Asset(name) for name in task["outlets"]]}


def build(spec: dict) -> DAG:
    end_date = spec.get("end_date")
    defaults = {"executor": spec["executor"]} if spec.get("executor") else {}
    limits = {"max_active_tasks": spec["max_active_tasks"]} if spec.get("max_active_tasks") else {}
    dag = DAG(
        dag_id=spec["dag_id"],
        schedule=schedule_of(spec),
        start_date=datetime.fromisoformat(spec["start_date"]),
        end_date=datetime.fromisoformat(end_date) if end_date else None,
        catchup=spec["catchup"],
        max_active_runs=spec["max_active_runs"],
        # Part of the serialized DAG: a new text is a new hash, and a new hash a new dag_version.
        doc_md=f"Made by windtunnel, revision {spec['revision']}.",
        is_paused_upon_creation=False,
        tags=["windtunnel"],
        **limits,
    )
    for task in spec["tasks"]:
        kind, own = WorkloadOperator, {}
        if task.get("skips"):
            kind = BranchWorkloadOperator
        elif task.get("reschedules"):
            kind = SensorWorkloadOperator
        elif task.get("triggers"):
            kind, own = trigger_of(task)
        common = {
            "dag": dag,
            "task_id": task["task_id"],
            "trigger_rule": task.get("trigger_rule", "all_success"),
            "retries": task.get("retries", 0),
            "retry_delay": timedelta(seconds=1),
            **outlets_of(task),
            **{name: task[name] for name in TASK_LIMITS if name in task},
            **own,
            **defaults,
        }
        if "priority_weight" in task:
            common["weight_rule"] = "absolute"
        command = "echo {{ run_id }} {{ ti.try_number }}"
        if task.get("mapped"):
            named = kind.partial(**common, map_index_template="{{ ti.map_index }}")
            named.expand(bash_command=[f"{command} {i}" for i in range(task["mapped"])])
        else:
            kind(bash_command=command, **common)
    for task in spec["tasks"]:
        for upstream in task["upstream"]:
            dag.get_task(upstream) >> dag.get_task(task["task_id"])
    return dag


def load() -> list[dict]:
    path = os.environ.get("WINDTUNNEL_DAGS") or DEFAULT_FILE
    try:
        with open(path, encoding="utf-8") as file:
            specs = json.load(file)
    except FileNotFoundError:
        return []  # The factory is copied before its first DAGs are written.
    except ValueError as error:
        raise ValueError(f"{path} is not JSON ({error}); windtunnel replaces it in one step, so who else writes it?") from error
    if not isinstance(specs, list):
        raise ValueError(f"{path} must hold a list of DAGs")
    return specs


for _spec in load():
    globals()[_spec["dag_id"]] = build(_spec)
