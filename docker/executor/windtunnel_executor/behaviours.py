"""What an executor remembers of its workloads and makes of their ends: as the real executors of Airflow do.

A *key* is what Airflow's executors call a task: a ``TaskInstanceKey``, or from 3.4 on a ``TaskInstanceUuid`` where the
executor says ``supports_task_instance_uuid``. A deferred task comes back under the same key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from airflow.executors.base_executor import BaseExecutor

if TYPE_CHECKING:
    from collections.abc import Hashable

__all__ = ["Behaviour", "behaviour_of"]

# What becomes of an end: the scheduler does not learn of it, it does, or it does while the key stays in ``running``.
Consequence = Literal["drop", "report", "report and keep"]


class Behaviour:
    """``calm``: ``running`` is exact, and the end of an older delivery of a key is dropped. No real executor is so."""

    name = "calm"
    # CeleryExecutor says QUEUED, with its id of the task, and lets the scheduler draw that id from 3.2.2 on.
    has_external_ids = False

    def __init__(self, running: set[Any]) -> None:
        self.running = running
        # Which delivery of a key is the newest; None for an adopted key.
        self.newest: dict[Hashable, int | None] = {}

    def handed(self, key: Hashable, seq: int) -> None:
        self.running.add(key)
        self.newest[key] = seq

    def adopted(self, key: Hashable) -> None:
        self.running.add(key)
        self.newest[key] = None

    def revoked(self, key: Hashable) -> None:
        self.running.discard(key)
        self.newest.pop(key, None)

    def ended(self, key: Hashable, of: int | None, again: bool) -> Consequence:
        if again:
            # In ``running``: a newer delivery of the same key.
            return "drop" if key in self.running else "report"
        newest = self.newest.get(key)
        # Without a number it was adopted: older than any that this scheduler has handed over.
        if newest is not None and (of is None or of < newest):
            return "drop"
        self.newest.pop(key, None)
        # Else revoked, adopted by another scheduler, or reported before: it must not be reported twice.
        return "report" if key in self.running else "drop"


class Celery(Behaviour):
    """CeleryExecutor: it looks at the newest result of a key only (``self.workloads[key] = result``), as ``calm``."""

    name = "celery"
    has_external_ids = True


class Local(Behaviour):
    """LocalExecutor up to 3.3: it adds nothing to ``running``, and a result is of its key, whenever it comes.

    ``_run_worker`` puts ``(key, state, exception)`` into a queue, and ``_read_results`` takes it out.
    """

    name = "local"

    def handed(self, key: Hashable, seq: int) -> None:
        pass

    def adopted(self, key: Hashable) -> None:
        pass

    def ended(self, key: Hashable, of: int | None, again: bool) -> Consequence:
        return "report"


class CountingLocal(Behaviour):
    """LocalExecutor from 3.4 on: a key leaves ``running`` with the last of its dispatches (``_finish_dispatch``)."""

    name = "local"

    def __init__(self, running: set[Any]) -> None:
        super().__init__(running)
        self.dispatches: dict[Hashable, int] = {}

    def handed(self, key: Hashable, seq: int) -> None:
        super().handed(key, seq)
        self.dispatches[key] = self.dispatches.get(key, 0) + 1

    def revoked(self, key: Hashable) -> None:
        super().revoked(key)
        self.dispatches.pop(key, None)

    def ended(self, key: Hashable, of: int | None, again: bool) -> Consequence:
        if again or key not in self.running:
            return super().ended(key, of, again)
        left = self.dispatches.pop(key, 1) - 1
        if left <= 0:
            self.newest.pop(key, None)
            return "report"
        self.dispatches[key] = left
        return "report and keep"


def behaviour_of(name: str, running: set[Any]) -> Behaviour:
    """Keys that are in ``running`` stay known, but for an executor that keeps none there."""
    # From 3.4 on the base class has it.
    counts = hasattr(BaseExecutor, "get_task_key")
    kinds = {"calm": Behaviour, "celery": Celery, "local": CountingLocal if counts else Local}
    kind = kinds.get(name)
    if kind is None:
        raise ValueError(f"no executor behaves as {name!r}")
    if kind is Local:
        running.clear()
    return kind(running)
