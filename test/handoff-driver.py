"""Stands in for the scheduler around a real executor: obeys commands, a line of JSON each.

``python handoff-driver.py`` drives the hand-off executor. ``python handoff-driver.py FOLDER`` drives Airflow's own
LocalExecutor, of which a worker's supervisor returns or raises when the file ``FOLDER/<number of the workload>`` says
so: "success" or "fail".
"""

import json
import os
import sys
import time
import uuid
from types import SimpleNamespace

from airflow.executors import workloads
from airflow.executors.base_executor import BaseExecutor
from airflow.models.taskinstancekey import TaskInstanceKey

TaskInstance = getattr(workloads, "TaskInstance", None) or workloads.TaskInstanceDTO


def id_of(task_id):
    return uuid.uuid5(uuid.NAMESPACE_OID, task_id)


def workload(task_id, number):
    ti = TaskInstance(
        id=id_of(task_id),
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
    return workloads.ExecuteTask(ti=ti, dag_rel_path="x.py", token="secret", bundle_info=bundle, log_path=str(number))


def instance(task_id, state=None):
    return SimpleNamespace(id=id_of(task_id), key=TaskInstanceKey("wt_d", task_id, "r", 1, -1), state=state)


def make_executor(folder):
    if folder is None:
        from windtunnel_executor import HandOffExecutor

        return HandOffExecutor(parallelism=32)

    from airflow.executors.local_executor import LocalExecutor
    from airflow.sdk.execution_time import supervisor

    def supervise(log_path):
        path = os.path.join(folder, log_path)
        while not os.path.exists(path):
            time.sleep(0.01)
        with open(path) as file:
            if file.read() == "fail":
                raise RuntimeError("as wanted")

    # In the workers, which are forked: what the supervisor does with its task has tests of its own.
    if hasattr(BaseExecutor, "run_workload"):
        BaseExecutor.run_workload = staticmethod(lambda workload, **_kwargs: supervise(workload.log_path))
    else:
        supervisor.supervise = lambda log_path, **_kwargs: supervise(log_path)
    return LocalExecutor(parallelism=4)


def main():
    executor = make_executor(sys.argv[1] if len(sys.argv) > 1 else None)
    known = {}

    def name_of(key):
        # From 3.4 on a key may be the id of the attempt.
        return key.task_id if isinstance(key, TaskInstanceKey) else known[uuid.UUID(str(key.id))]

    executor.start()
    print(json.dumps({"ready": True}), flush=True)
    queued = 0
    for line in sys.stdin:
        command = json.loads(line)
        said = {}
        if "task" in command:
            known[id_of(command["task"])] = command["task"]
        if command["do"] == "queue":
            queued += 1
            executor.queue_workload(workload(command["task"], queued), None)
        elif command["do"] == "adopt":
            tis = [instance(task, state) for task, state in command["tasks"]]
            said["rest"] = [ti.key.task_id for ti in executor.try_adopt_task_instances(tis)]
        elif command["do"] == "revoke":
            executor.revoke_task(ti=instance(command["task"], "queued"))
        elif command["do"] == "end":
            executor.end()
        if command["do"] in ("queue", "beat"):
            executor.heartbeat()
        events = {name_of(key): str(value[0].value) for key, value in executor.get_event_buffer().items()}
        said["running"] = sorted(name_of(key) for key in executor.running)
        said["has"] = sorted(task for task in known.values() if executor.has_task(instance(task)))
        said["unacked"] = len(getattr(executor, "_unacked", ()))
        print(json.dumps({**said, "events": events}), flush=True)


main()
