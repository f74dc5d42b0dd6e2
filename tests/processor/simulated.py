"""A status log and stores in memory, with the fences and crashes of the real ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from processor.log import Appended, Fenced, Logged, Outgoing
from schemas.topics import DEAD_LETTERS, STATUS
from storage.store import MemoryStore, Store


class Crash(Exception):
    """The process died here."""


@dataclass
class Broker:
    """What survives every crash: one status partition, its dead letters, and who owns it."""

    status: list[Logged] = field(default_factory=list)
    dead: list[Outgoing] = field(default_factory=list)
    epoch: int = 0
    now: int = 1_795_000_000_000


class SimulatedLog:
    """One session on a :class:`Broker`; ``die_before`` and ``die_after`` crash the next append."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.epoch = -1
        self.die_before = False
        self.die_after = False

    def fence(self) -> None:
        """A new session: the one before may write no more."""
        self.broker.epoch += 1
        self.epoch = self.broker.epoch

    def bounds(self) -> tuple[int, int]:
        """The whole log."""
        return 0, len(self.broker.status)

    def read(self, start: int, end: int) -> Iterator[list[Logged]]:
        """What is committed."""
        if start < end:
            yield self.broker.status[start:end]

    def append(self, records: Sequence[Outgoing]) -> Appended:
        """All of it, or a crash, or a fence."""
        if self.epoch != self.broker.epoch:
            raise Fenced("another owner")
        if self.die_before:
            raise Crash
        for record in records:
            if record.topic == STATUS:
                self._append(record)
            else:
                assert record.topic == DEAD_LETTERS
                self.broker.dead.append(record)
        if self.die_after:
            raise Crash
        return Appended(len(self.broker.status), self.broker.now)

    def close(self) -> None:
        """Nothing to release."""

    def _append(self, record: Outgoing) -> None:
        assert record.key is not None
        offset = len(self.broker.status)
        self.broker.status.append(Logged(record.key, record.value, offset, self.broker.now))


class SimulatedStores:
    """Stores that survive the process, and can be lost."""

    def __init__(self) -> None:
        self.held: dict[int, MemoryStore] = {}
        self.aside: list[str] = []

    def open(self, partition: int) -> Store:
        """The store that survived, or an empty one."""
        return self.held.setdefault(partition, MemoryStore())

    def set_aside(self, partition: int, why: str) -> None:
        """Lost, and noted."""
        self.aside.append(why)
        self.held.pop(partition, None)
