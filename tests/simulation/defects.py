"""Known defects, put back on purpose: a simulator that finds none of these proves nothing.

Each is one that a stream processor really had: Faust, or an early version of this one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from processor.partition import resumption
from processor.partition.durable_rows import DurableRows
from processor.partition.ledger import Ledger, Position, control_value
from processor.partition.partition import Partition
from processor.partition.recovery import LogState
from processor.partition.resumption import Resumption
from processor.partition.status_log import Outgoing
from processor.worker import Worker
from schemas.topics import CONTROL_KEY, STATUS
from tests.simulation.broker import SimulatedLog

Patch = Callable[[object, str, Any], None]
"""Sets an attribute: ``setattr``, or pytest's ``monkeypatch.setattr``."""

_append = DurableRows.append
_resume = Partition.resume


def _offsets_first(
    self: DurableRows,
    ledger: Ledger,
    records: Sequence[Outgoing],
    changes: Mapping[bytes, bytes | None],
) -> None:
    control = control_value(self._codec, ledger, self.number, self._worker)
    self._log.append([Outgoing(STATUS, CONTROL_KEY, control)])
    _append(self, ledger, records, changes)


def _disk_first(
    self: DurableRows,
    ledger: Ledger,
    records: Sequence[Outgoing],
    changes: Mapping[bytes, bytes | None],
) -> None:
    self.write(ledger, changes)
    _append(self, ledger, records, changes)


async def _swallowed(self: Worker, work: Callable[[], None]) -> None:
    try:
        await asyncio.get_running_loop().run_in_executor(self._threads, work)
    except Exception:
        return


def _from_the_group(self: Partition) -> None:
    _resume(self)
    committed = self._topics.broker.group  # type: ignore[attr-defined]
    positions = {
        topic: Position(held.topic_id, committed.get((topic, self.number), held.next_offset))
        for topic, held in self.ledger.positions.items()
    }
    self.ledger = replace(self.ledger, positions=positions)


def _unread(self: Resumption, log: LogState, mending: bool) -> None:
    durable = self._durable
    durable.ledger = replace(durable.ledger, status_offset=log.end)


def _any_topic(ledger: Ledger, sources: Mapping[str, Any]) -> Ledger:
    positions = {
        topic: ledger.positions.get(topic, Position(log.topic_id, log.first))
        for topic, log in sources.items()
    }
    return replace(ledger, positions=positions)


DEFECTS: Final[dict[str, Callable[[Patch], None]]] = {
    "commit before write": lambda patch: patch(DurableRows, "append", _offsets_first),
    "swallow an exception": lambda patch: patch(Worker, "_guarded", _swallowed),
    "WriteBatch before the transaction": lambda patch: patch(DurableRows, "append", _disk_first),
    "trust Kafka's group offset": lambda patch: patch(Partition, "resume", _from_the_group),
    "fold before the status topic is read to its end": lambda patch: patch(
        Resumption, "_catch_up", _unread
    ),
    "no fence": lambda patch: patch(SimulatedLog, "_require_session", lambda self: None),
    "a topic created anew goes on at its old offset": lambda patch: patch(
        resumption, "current", _any_topic
    ),
}


def put_back(name: str, patch: Patch) -> None:
    """Put one defect back."""
    DEFECTS[name](patch)
