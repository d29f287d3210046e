"""Stands in for the scheduler around a real HandOffExecutor: obeys commands, a line of JSON each."""

import json
import sys
import uuid
from types import SimpleNamespace

from airflow.executors import workloads
from airflow.models.taskinstancekey import TaskInstanceKey
from windtunnel_executor import HandOffExecutor

TaskInstance = getattr(workloads, "TaskInstance", None) or workloads.TaskInstanceDTO


def workload(task_id):
    ti = TaskInstance(
        id=uuid.uuid5(uuid.NAMESPACE_OID, task_id),
        dag_version_id=uuid.uuid4(),
        task_id=task_id,
        dag_id="wt_d",
        run_id="r",
        try_number=1,
        pool_slots=1,
        queue="default",
        priority_weight=1,
    )
    bundle = workloads.BundleInfo(name="dags-folder")
    return workloads.ExecuteTask(ti=ti, dag_rel_path="x.py", token="secret", bundle_info=bundle, log_path="l")


def instance(task_id, state):
    return SimpleNamespace(key=TaskInstanceKey("wt_d", task_id, "r", 1, -1), state=state)


def main():
    executor = HandOffExecutor(parallelism=32)
    executor.start()
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        said = {}
        if command["do"] == "queue":
            executor.queue_workload(workload(command["task"]), None)
        elif command["do"] == "adopt":
            tis = [instance(task, state) for task, state in command["tasks"]]
            said["rest"] = [ti.key.task_id for ti in executor.try_adopt_task_instances(tis)]
        elif command["do"] == "revoke":
            executor.revoke_task(ti=instance(command["task"], "queued"))
        elif command["do"] == "end":
            executor.end()
        if command["do"] in ("queue", "beat"):
            executor.heartbeat()
        events = {key.task_id: str(value[0].value) for key, value in executor.get_event_buffer().items()}
        running = sorted(key.task_id for key in executor.running)
        print(json.dumps({**said, "running": running, "events": events, "unacked": len(executor._unacked)}), flush=True)


main()
