"""Real workers: for each workload a process runs the supervisor of the installed Airflow, as a Kubernetes pod does.

``python -m windtunnel_workers`` imports Airflow once and forks for each workload, as the LocalExecutor does. It speaks
newline-delimited JSON on the Unix socket that ``WINDTUNNEL_WORKERS`` names::

    harness -> workers   {"start": n, "workload": {...}, "server": url, "host": name, "plan": {...}, "log": path}
                         {"kill": n}
    workers -> harness   {"ready": pid}
                         {"ended": n, "code": 0 | 1 | -signal}      0: the supervisor returned; 1: it raised

When the socket closes, it ends with all that it started. Nothing is imported beyond Airflow and the standard library.
"""

from __future__ import annotations

import gc
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
import traceback


def host() -> str:
    """``[core] hostname_callable``: the name by which the server knows this worker."""
    return os.environ["WINDTUNNEL_WORKER"]


def work(operator, context, *, resumed: bool):
    """What a task does in a real worker: its plan was drawn by the harness, as that of a simulated life."""
    plan = json.loads(os.environ["WINDTUNNEL_LIFE_PLAN"])
    seconds = plan["duration_ms"] / 1000
    if plan["command"]:
        # As BashOperator: a worker that is to stop ends its command, and the task fails at once.
        operator.command = subprocess.Popen(["sleep", str(seconds)])
        if operator.command.wait() != 0:
            raise RuntimeError(f"the command ended with {operator.command.returncode}")
    else:
        # As PythonOperator: a worker that is to stop works on until it is killed.
        time.sleep(seconds)
    if plan["silent"]:
        # The machine is gone: the supervisor, too.
        os.killpg(os.getpgid(0), signal.SIGKILL)
    if plan["defers"] and not resumed:
        from airflow.providers.standard.triggers.file import FileTrigger

        trigger = FileTrigger(filepath="/etc/hosts", poke_interval=1.0)
        operator.defer(trigger=trigger, method_name="execute_complete")
    if plan["fails"]:
        raise RuntimeError("this task fails, as drawn")
    if plan["skips"]:
        from airflow.providers.standard.utils.skipmixin import SkipMixin

        followed = sorted(operator.downstream_task_ids - set(plan["skips"]))
        SkipMixin().skip_all_except(context["ti"], followed)
    return f"life {plan['life']}" if plan["xcom"] else None


class Workers:
    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.lives: dict[int, int] = {}  # by process

    def serve(self) -> None:
        wakeup, alarm = socket.socketpair()
        for end in (wakeup, alarm):
            end.setblocking(False)
        signal.set_wakeup_fd(alarm.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        selector = selectors.DefaultSelector()
        selector.register(self.connection, selectors.EVENT_READ)
        selector.register(wakeup, selectors.EVENT_READ)
        unread = b""
        while True:
            for key, _ in selector.select():
                if key.fileobj is wakeup:
                    wakeup.recv(4096)
                    self.reap()
                    continue
                received = self.connection.recv(65536)
                if not received:
                    return
                *lines, unread = (unread + received).split(b"\n")
                for line in lines:
                    self.obey(json.loads(line))

    def obey(self, message: dict) -> None:
        if "start" in message:
            self.start(message)
            return
        for pid, life in self.lives.items():
            if life == message["kill"]:
                kill(pid)

    def start(self, message: dict) -> None:
        pid = os.fork()
        if pid == 0:
            self.connection.close()
            os._exit(run(message))
        self.lives[pid] = message["start"]

    def reap(self) -> None:
        while self.lives:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            life = self.lives.pop(pid, None)
            # Its task may have outlived it.
            kill(pid)
            if life is not None:
                self.say({"ended": life, "code": os.waitstatus_to_exitcode(status)})

    def say(self, message: dict) -> None:
        self.connection.sendall(json.dumps(message).encode() + b"\n")

    def end(self) -> None:
        for pid in self.lives:
            kill(pid)


def run(message: dict) -> int:
    """In the process of one worker, which leads a process group of its own. Its exit code."""
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        log = os.open(message["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for stream in (1, 2):
            os.dup2(log, stream)
        os.environ.update(
            AIRFLOW__CORE__EXECUTION_API_SERVER_URL=message["server"],
            WINDTUNNEL_WORKER=message["host"],
            WINDTUNNEL_LIFE_PLAN=json.dumps(message["plan"]),
        )
        from airflow.executors import workloads
        from airflow.sdk.execution_time import execute_workload
        from pydantic import TypeAdapter

        execute_workload.log = Silence()
        execute_workload.execute_workload(TypeAdapter(workloads.All).validate_python(message["workload"]))
        return 0
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


class Silence:
    """In place of a logger that would write the workload, which 3.1 prints with its token."""

    def info(self, *_, **__) -> None:
        pass


def kill(pid: int) -> None:
    """A worker with its task."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def main() -> None:
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(os.environ["WINDTUNNEL_WORKERS"])
    # Imported once, for all: what a worker imports after the fork it pays for itself.
    import airflow.executors.workloads
    import airflow.sdk.execution_time.execute_workload
    import airflow.sdk.execution_time.supervisor
    import airflow.sdk.execution_time.task_runner  # noqa: F401

    gc.freeze()
    workers = Workers(connection)
    workers.say({"ready": os.getpid()})
    try:
        workers.serve()
    finally:
        workers.end()


if __name__ == "__main__":
    main()
