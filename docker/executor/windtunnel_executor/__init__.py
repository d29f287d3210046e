"""An Airflow executor that hands its workloads to windtunnel, which plays the workers.

Works unmodified on Airflow 3.1 to 3.3; nothing is imported beyond Airflow and the standard library.

The protocol (version 2, newline-delimited JSON; README.md beside this package has all of it)::

    executor -> harness                                     answered by
    {"type":"hello","protocol":2,"process":p,"pid":n,"instance":i,"token":t}
    {"type":"workload","seq":n,"workload":{...}}            {"type":"ack","seq":n}
    {"type":"adopt","seq":n,"keys":[[d,t,r,try,map],...]}   {"type":"adopted","seq":n,"keys":[...]}
    {"type":"revoke","seq":n,"key":[...]}                   {"type":"ack","seq":n}

    harness -> executor
    {"type":"ended","seq":m,"key":[...],"outcome":"success"|"fail","of":n|null,"again":true?}
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

from airflow.executors.base_executor import BaseExecutor
from airflow.models.taskinstancekey import TaskInstanceKey
from airflow.utils.state import TaskInstanceState

from windtunnel_executor.wire import Wire

if TYPE_CHECKING:
    from airflow.models.taskinstance import TaskInstance

__all__ = ["HandOffExecutor"]

# The scheduler waits while it holds row locks: no longer than a heartbeat may be late.
ADOPT_WAIT_S = 2.0
# For the answer of the harness to one revocation; the scheduler commits between two of them.
REVOKE_WAIT_S = 2.0
# For the last acknowledgements when the scheduler stops.
END_WAIT_S = 1.0


class HandOffExecutor(BaseExecutor):
    """Publishes workloads on a socket; reports that a key has ended only when the harness says so."""

    is_local = False
    serve_logs = False
    supports_ad_hoc_ti_run = False
    supports_callbacks = False

    # No signature of our own: releases differ in what they pass (``team_name``).
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._seq = 0
        # By sequence number, in the order of sending. Bounded by ``parallelism`` and what is adopted or revoked.
        self._unacked: dict[int, dict[str, Any]] = {}
        # Which delivery of a key is the newest; None for an adopted key.
        self._delivery_of: dict[TaskInstanceKey, int | None] = {}
        # Adoptions under way, and their answers.
        self._adopting: dict[int, set[TaskInstanceKey] | None] = {}
        # No other process can claim to be this process.
        self._instance = secrets.token_hex(16)
        self._wire = Wire(os.environ.get("WINDTUNNEL_HANDOFF", ""), self._greeting, self.log)

    def start(self) -> None:
        # The harness may not listen yet: sync() tries again.
        self._exchange()

    def _process_workloads(self, workload_items: Sequence[Any]) -> None:
        """Publish. The scheduler calls this after it has committed the QUEUED states, never before."""
        # First read which lives have ended: a deferred task may be here again under its old key.
        self._exchange()
        for workload in workload_items:
            key = workload.ti.key
            self.queued_tasks.pop(key, None)
            self.running.add(key)
            seq = self._next_seq()
            self._delivery_of[key] = seq
            self._send({"type": "workload", "seq": seq, "workload": json.loads(workload.model_dump_json())})
        self._wire.flush()

    def sync(self) -> None:
        self._exchange()

    def try_adopt_task_instances(self, tis: Sequence[TaskInstance]) -> Sequence[TaskInstance]:
        """Adopt the keys that the harness still plays; the others have lost their workers and go back to Airflow."""
        if not tis:
            return []
        seq = self._next_seq()
        self._adopting[seq] = None
        self._send({"type": "adopt", "seq": seq, "keys": [list(ti.key) for ti in tis]})
        self._wait(lambda: self._adopting[seq] is not None, ADOPT_WAIT_S)
        known = self._adopting.pop(seq)
        rest = []
        for ti in tis:
            if known is not None:
                if ti.key not in known:
                    rest.append(ti)
            elif ti.state == TaskInstanceState.RUNNING:
                # A running worker may outlive both scheduler and harness. If it does not, Airflow's own heartbeat
                # time-out ends the task, as with any executor.
                self._adopt(ti.key)
            else:
                rest.append(ti)
        unasked = " (the harness did not answer)" if known is None else ""
        self.log.info("windtunnel: adopted %d of %d task instances%s", len(tis) - len(rest), len(tis), unasked)
        return rest

    def revoke_task(self, *, ti: TaskInstance) -> None:
        key = ti.key
        self.queued_tasks.pop(key, None)
        self.running.discard(key)
        delivery = self._delivery_of.pop(key, None)
        if delivery is not None:
            self._unacked.pop(delivery, None)
        seq = self._next_seq()
        self._send({"type": "revoke", "seq": seq, "key": list(key)})
        self._wait(lambda: seq not in self._unacked, REVOKE_WAIT_S)

    def end(self) -> None:
        """Do not wait for workers: another scheduler will adopt them. Only the acknowledgements are sent."""
        self._wait(lambda: not self._wire.unsent, END_WAIT_S)
        self._wire.close()

    def terminate(self) -> None:
        self._wire.close()

    def _next_seq(self) -> int:
        self._seq += 1
        return self._seq

    def _send(self, message: dict[str, Any]) -> None:
        self._unacked[message["seq"]] = message
        self._wire.write(message)

    def _greeting(self) -> Iterable[dict[str, Any]]:
        """The first messages of every connection: who we are, and everything without an answer, oldest first."""
        process = os.environ.get("WINDTUNNEL_PROCESS") or f"{socket.gethostname()}-{os.getpid()}"
        hello = {"type": "hello", "protocol": 2, "process": process, "pid": os.getpid(), "instance": self._instance}
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
        elif kind == "adopted":
            self._unacked.pop(message["seq"], None)
            if message["seq"] in self._adopting:  # Else it is too late: try_adopt_task_instances has returned.
                known = {TaskInstanceKey(*key) for key in message["keys"]}
                self._adopting[message["seq"]] = known
                # At once: the next message may say that one of them has ended.
                for key in known:
                    self._adopt(key)
        elif kind == "ended":
            key = TaskInstanceKey(*message["key"])
            self._ended(key, message["outcome"], message.get("of"), bool(message.get("again")))
            self._wire.write({"type": "ended_ack", "seq": message["seq"]})
        else:
            self.log.warning("windtunnel: unknown message %r", kind)

    def _adopt(self, key: TaskInstanceKey) -> None:
        self.running.add(key)
        self._delivery_of[key] = None

    def _ended(self, key: TaskInstanceKey, outcome: str, of: int | None, again: bool) -> None:
        if again and key in self.running:
            return  # A newer delivery of the same key is running.
        delivery = self._delivery_of.get(key)
        if of is not None and delivery is not None and of < delivery:
            return  # It ends an earlier delivery of the same key: the newer one is running.
        self._delivery_of.pop(key, None)
        if delivery is not None:
            self._unacked.pop(delivery, None)
        if key not in self.running and not again:
            return  # Revoked, adopted by another scheduler, or reported before: it must not be reported twice.
        if outcome == "success":
            self.success(key)
        else:
            self.fail(key)

    def _wait(self, done: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        self._exchange()
        while not done():
            left = deadline - time.monotonic()
            if left <= 0:
                return
            self._wire.wait(min(left, 0.1))
            self._exchange()

