"""An Airflow executor that hands its workloads to windtunnel, which plays the workers.

Works unmodified on Airflow 3.1 to 3.4; nothing is imported beyond Airflow and the standard library.

The protocol (version 3, newline-delimited JSON; README.md beside this package has all of it)::

    executor -> harness                                     answered by
    {"type":"hello","protocol":3,"process":p,"pid":n,"instance":i,"token":t}    {"type":"welcome",...}
    {"type":"workload","seq":n,"workload":{...}}            {"type":"ack","seq":n}
    {"type":"adopt","seq":n,"keys":[[d,t,r,try,map],...]}   {"type":"adopted","seq":n,"keys":[...]}
    {"type":"revoke","seq":n,"key":[...]}                   {"type":"ack","seq":n}

    harness -> executor
    {"type":"welcome","run":r,"behaviour":"local"|"celery"|"calm","task_uuid":true|false}
    {"type":"ended","seq":m,"key":[...],"ti_id":i,"outcome":"success"|"fail","of":n|null,"again":true?}
                                                            {"type":"ended_ack","seq":m}
    {"type":"refused","why":w}                              (and the connection is closed)

What was sent stays in ``_unacked`` until its answer comes, and is sent again after every reconnect: on a socket with a
dead peer one more send succeeds, so that only an answer counts. No task is failed because the harness is away.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from airflow.executors.base_executor import BaseExecutor
from airflow.models.taskinstancekey import TaskInstanceKey
from airflow.utils.state import TaskInstanceState

from windtunnel_executor.behaviours import behaviour_of
from windtunnel_executor.wire import Wire

if TYPE_CHECKING:
    from airflow.models.taskinstance import TaskInstance

try:  # 3.4 and later
    from airflow.executors.workloads import WorkloadType
    from airflow.executors.workloads.types import TaskInstanceUuid
except ImportError:
    TaskInstanceUuid = None  # type: ignore[assignment, misc]

__all__ = ["HandOffExecutor"]

# The scheduler waits while it holds row locks: no longer than a heartbeat may be late.
ADOPT_WAIT_S = 2.0
# For the first message of the harness.
WELCOME_WAIT_S = 1.0
# For the answer of the harness to one revocation; the scheduler commits between two of them.
REVOKE_WAIT_S = 2.0
# For the last acknowledgements when the scheduler stops.
END_WAIT_S = 1.0
# The harness sends again what has no answer, and that is never so old.
REMEMBERED = 20_000


class Adoption:
    """Keys that the harness is asked for, what this executor calls them, and its answer."""

    def __init__(self, keys: dict[TaskInstanceKey, Any]) -> None:
        self.keys = keys
        self.known: set[TaskInstanceKey] | None = None


class HandOffExecutor(BaseExecutor):
    """Publishes workloads on a socket; reports that a key has ended only when the harness says so."""

    is_local = False
    serve_logs = False
    supports_ad_hoc_ti_run = False

    # No signature of our own: releases differ in what they pass (``team_name``).
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._seq = 0
        # By sequence number, in the order of sending. Bounded by ``parallelism`` and what is adopted or revoked.
        self._unacked: dict[int, dict[str, Any]] = {}
        # Until the harness says which.
        self._behaviour = behaviour_of("calm", self.running)
        # The run, and the ends of it that were received: one that is sent again after a reconnect is not another end.
        self._run: str | None = None
        self._received: dict[int, None] = {}
        # Adoptions under way, and their answers.
        self._adopting: dict[int, Adoption] = {}
        # No other process can claim to be this process.
        self._instance = secrets.token_hex(16)
        self._wire = Wire(os.environ.get("WINDTUNNEL_HANDOFF", ""), self._greeting, self.log)

    def start(self) -> None:
        # How it behaves and what it calls a task, before it has any. The harness may not listen yet: sync() tries again.
        self._exchange()
        self._wait(lambda: self._run is not None or not self._wire.connected, WELCOME_WAIT_S)

    def _process_workloads(self, workload_items: Sequence[Any]) -> None:
        """Publish. The scheduler calls this after it has committed the QUEUED states, never before."""
        # First read which lives have ended: a deferred task may be here again under its old key.
        self._exchange()
        for workload in workload_items:
            self._unqueue(workload.ti)
            key = self._key_of(workload.ti)
            seq = self._next_seq()
            self._behaviour.handed(key, seq)
            self._send({"type": "workload", "seq": seq, "workload": json.loads(workload.model_dump_json())})
            if self._behaviour.has_external_ids:
                # As Celery's executor: what comes later of the same key takes its place.
                external_id = getattr(workload.ti, "external_executor_id", None) or str(uuid4())
                self.event_buffer[key] = (TaskInstanceState.QUEUED, external_id)
        self._wire.flush()

    def sync(self) -> None:
        self._exchange()

    def try_adopt_task_instances(self, tis: Sequence[TaskInstance]) -> Sequence[TaskInstance]:
        """Adopt the keys that the harness still plays; the others have lost their workers and go back to Airflow."""
        if not tis:
            return []
        seq = self._next_seq()
        asked = self._adopting[seq] = Adoption({ti.key: self._key_of(ti) for ti in tis})
        self._send({"type": "adopt", "seq": seq, "keys": [list(ti.key) for ti in tis]})
        self._wait(lambda: asked.known is not None, ADOPT_WAIT_S)
        known = self._adopting.pop(seq).known
        rest = []
        for ti in tis:
            if known is not None:
                if ti.key not in known:
                    rest.append(ti)
            elif ti.state == TaskInstanceState.RUNNING:
                # A running worker may outlive both scheduler and harness. If it does not, Airflow's own heartbeat
                # time-out ends the task, as with any executor.
                self._behaviour.adopted(self._key_of(ti))
            else:
                rest.append(ti)
        unasked = " (the harness did not answer)" if known is None else ""
        self.log.info("windtunnel: adopted %d of %d task instances%s", len(tis) - len(rest), len(tis), unasked)
        return rest

    def revoke_task(self, *, ti: TaskInstance) -> None:
        self._unqueue(ti)
        self._behaviour.revoked(self._key_of(ti))
        for seq, message in list(self._unacked.items()):
            if message["type"] == "workload" and message["workload"]["ti"]["id"] == str(ti.id):
                del self._unacked[seq]
        seq = self._next_seq()
        self._send({"type": "revoke", "seq": seq, "key": list(ti.key)})
        self._wait(lambda: seq not in self._unacked, REVOKE_WAIT_S)

    def end(self) -> None:
        """Do not wait for workers: another scheduler will adopt them. Only the acknowledgements are sent."""
        self._wait(lambda: not self._wire.unsent, END_WAIT_S)
        self._wire.close()

    def terminate(self) -> None:
        self._wire.close()

    def _queue(self) -> dict[Any, Any]:
        """The workloads that wait for a slot; under another name from 3.4 on, where the old one warns."""
        queues = getattr(self, "executor_queues", None)
        return self.queued_tasks if queues is None else queues[WorkloadType.EXECUTE_TASK]

    def _unqueue(self, ti: Any) -> None:
        """Under either name: the harness may have said what a task is called after this one was queued."""
        self._queue().pop(ti.key, None)
        if TaskInstanceUuid is not None:
            self._queue().pop(TaskInstanceUuid(ti.id), None)

    def _key_of(self, ti: Any) -> Any:
        """What this executor calls a task: from 3.4 on its attempt, if it says that it can."""
        return ti.key if TaskInstanceUuid is None else self.get_task_key(ti)

    def _welcomed(self, run: str, behaviour: str, task_uuid: bool) -> None:
        if run != self._run:
            self._run = run
            self._received.clear()
        if behaviour != self._behaviour.name:
            self._behaviour = behaviour_of(behaviour, self.running)
            self.log.info("windtunnel: behaves as %s", behaviour)
        # Of the instance and of the class, as Airflow reads the one or the other: there is one executor a process.
        self.pre_assigns_external_executor_id = self._behaviour.has_external_ids
        type(self).supports_task_instance_uuid = task_uuid

    def _next_seq(self) -> int:
        self._seq += 1
        return self._seq

    def _send(self, message: dict[str, Any]) -> None:
        self._unacked[message["seq"]] = message
        self._wire.write(message)

    def _greeting(self) -> Iterable[dict[str, Any]]:
        """The first messages of every connection: who we are, and everything without an answer, oldest first."""
        process = os.environ.get("WINDTUNNEL_PROCESS") or f"{socket.gethostname()}-{os.getpid()}"
        hello = {"type": "hello", "protocol": 3, "process": process, "pid": os.getpid(), "instance": self._instance}
        token = os.environ.get("WINDTUNNEL_HANDOFF_TOKEN")
        yield {**hello, "token": token} if token else hello
        yield from self._unacked.values()

    def _exchange(self) -> None:
        for message in self._wire.exchange():
            try:
                self._receive(message)
            except (KeyError, TypeError, ValueError) as error:
                # The scheduler must survive a harness that sends nonsense.
                self.log.warning("windtunnel: cannot read a %r message: %r", message.get("type"), error)
        self._wire.flush()

    def _receive(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "ack":
            self._unacked.pop(message["seq"], None)
        elif kind == "welcome":
            self._welcomed(message["run"], message["behaviour"], bool(message["task_uuid"]))
        elif kind == "adopted":
            self._unacked.pop(message["seq"], None)
            asked = self._adopting.get(message["seq"])
            if asked is not None:  # Else it is too late: try_adopt_task_instances has returned.
                asked.known = {TaskInstanceKey(*key) for key in message["keys"]}
                # At once: the next message may say that one of them has ended.
                for key in asked.known:
                    self._behaviour.adopted(asked.keys[key])
        elif kind == "ended":
            if message["seq"] not in self._received:
                self._received[message["seq"]] = None
                if len(self._received) > REMEMBERED:
                    del self._received[next(iter(self._received))]
                self._ended(message)
            self._wire.write({"type": "ended_ack", "seq": message["seq"]})
        else:
            self.log.warning("windtunnel: unknown message %r", kind)

    def _ended(self, message: dict[str, Any]) -> None:
        of = message.get("of")
        if of is not None:
            self._unacked.pop(of, None)
        key: Any = TaskInstanceKey(*message["key"])
        if TaskInstanceUuid is not None and self.supports_task_instance_uuid:
            key = TaskInstanceUuid(UUID(message["ti_id"]))
        consequence = self._behaviour.ended(key, of, bool(message.get("again")))
        if consequence == "drop":
            return
        if message["outcome"] == "success":
            self.success(key)
        else:
            self.fail(key)
        if consequence == "report and keep":
            self.running.add(key)

    def _wait(self, done: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        self._exchange()
        while not done():
            left = deadline - time.monotonic()
            if left <= 0:
                return
            self._wire.wait(min(left, 0.1))
            self._exchange()

