"""How long after the last request of a task the real LocalExecutor has its result.

    python local-executor.py HOME COUNT AT_ONCE

Prints a line of JSON a task: {"release", "at_once", "how", "ms"}. A LocalExecutor with AT_ONCE workers plays COUNT
tasks, with Airflow's own supervisors and task processes. A scripted Execution API stands in another process, so that it
takes no time from them.
"""

import json
import os
import subprocess
import sys
import time
import urllib.request
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version

DAG = """
from datetime import datetime

from airflow.providers.standard.triggers.file import FileTrigger
from airflow.sdk import DAG, BaseOperator


class Plain(BaseOperator):
    def execute(self, context):
        pass


class Deferrable(BaseOperator):
    def execute(self, context):
        self.defer(trigger=FileTrigger(filepath="/etc/hosts"), method_name="execute_complete")


class Fails(BaseOperator):
    def execute(self, context):
        raise ValueError("as wanted")


with DAG("wt_delay", schedule=None, start_date=datetime(2026, 1, 1)):
    Plain(task_id="success")
    Deferrable(task_id="deferred")
    Fails(task_id="failed")
"""
KINDS = ("success", "deferred", "failed")
RUN = {
    "dag_id": "wt_delay",
    "run_id": "r",
    "logical_date": "2026-01-01T00:00:00Z",
    "data_interval_start": None,
    "data_interval_end": None,
    "run_after": "2026-01-01T00:00:00Z",
    "start_date": "2026-01-01T00:00:00Z",
    "end_date": None,
    "clear_number": 0,
    "run_type": "manual",
    "state": "running",
    "conf": {},
    "consumed_asset_events": [],
}
# 3.1 does not know it, later ones want it.
if not version("apache-airflow-core").startswith("3.1."):
    RUN["partition_key"] = None
CONTEXT = {"dag_run": RUN, "task_reschedule_count": 0, "max_tries": 0, "should_retry": False, "xcom_keys_to_clear": []}


class Api(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # By worker.
    last_s = {}

    def log_message(self, *_args):
        pass

    def answer(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        worker = self.headers.get("authorization")
        if self.path == "/last":
            status, body = 200, Api.last_s.get(worker)
        elif self.path.endswith("/run"):
            status, body = 200, {**CONTEXT, "variables": [], "connections": []}
        elif self.path.endswith("/rtif"):
            status, body = 201, {"message": "ok"}
        else:
            status, body = 204, None
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        if status != 204:
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        if self.path != "/last":
            Api.last_s[worker] = time.monotonic()

    do_GET = do_PUT = do_PATCH = do_POST = answer


def serve():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    server.serve_forever()


def measure(count, at_once):
    server = subprocess.Popen([sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True)
    url = f"http://127.0.0.1:{server.stdout.readline().strip()}"
    os.environ["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] = f"{url}/execution/"
    import airflow
    from airflow.executors import workloads
    from airflow.executors.local_executor import LocalExecutor

    instance = getattr(workloads, "TaskInstance", None) or workloads.TaskInstanceDTO
    executor = LocalExecutor(parallelism=at_once)
    # Number of a task, which is its token, by the id of its task instance.
    under_way = {}

    def queue(number):
        ti = instance(
            id=uuid.uuid4(),
            dag_version_id=uuid.uuid4(),
            task_id=KINDS[number % len(KINDS)],
            dag_id="wt_delay",
            run_id=f"r{number}",
            try_number=1,
            map_index=-1,
            pool_slots=1,
            queue="default",
            priority_weight=1,
            context_carrier={},
        )
        bundle = workloads.BundleInfo(name="dags-folder")
        workload = workloads.ExecuteTask(
            ti=ti, dag_rel_path="delay.py", token=str(number), bundle_info=bundle, log_path=f"{number}.log"
        )
        under_way[number] = ti
        executor.queue_workload(workload, None)

    try:
        executor.start()
        queued = 0
        while queued < count or under_way:
            while queued < count and len(under_way) < at_once:
                queue(queued)
                queued += 1
            executor.heartbeat()
            known_s = time.monotonic()
            for key in executor.get_event_buffer():
                # From 3.4 on a key may be the id of the attempt.
                name = str(getattr(key, "id", None) or key.run_id)
                number = next(n for n, ti in under_way.items() if name in (str(ti.id), ti.run_id))
                how = under_way.pop(number).task_id
                ask = urllib.request.Request(f"{url}/last", headers={"authorization": f"Bearer {number}"})
                with urllib.request.urlopen(ask) as answer:
                    ms = round((known_s - float(answer.read())) * 1000, 1)
                row = {"release": airflow.__version__, "at_once": at_once, "how": how, "ms": ms}
                # Workers print to the same place.
                os.write(1, f"\nNEWS {json.dumps(row)}\n".encode())
            time.sleep(0.005)
        executor.end()
    finally:
        server.kill()


if __name__ == "__main__":
    if sys.argv[1] == "--serve":
        serve()
    else:
        dags = os.path.join(sys.argv[1], "dags")
        os.makedirs(dags, exist_ok=True)
        with open(os.path.join(dags, "delay.py"), "w") as file:
            file.write(DAG)
        os.environ.update(
            AIRFLOW_HOME=sys.argv[1],
            AIRFLOW__CORE__DAGS_FOLDER=dags,
            AIRFLOW__CORE__LOAD_EXAMPLES="False",
            AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{sys.argv[1]}/none.db",
        )
        measure(int(sys.argv[2]), int(sys.argv[3]))
