"""A broker in memory: source topics, fenced transactions on the status topic, group offsets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

from processor.partition.ledger import SourceLog
from processor.partition.source_topics import TopicsDiffer
from processor.partition.status_log import (
    Appended,
    Fenced,
    LogFailed,
    Logged,
    LogUnavailable,
    Outgoing,
)
from schemas.topics import DAY_MS, DEAD_LETTERS, SOURCE_TOPICS, STATUS

START_MS = 1_795_000_000_000
Reach = Callable[[str], None]
"""Hears that a numbered write point is reached; it may raise, or let others act meanwhile."""


def nothing_happens(point: str) -> None:
    """Where no fault is wanted."""


@dataclass(frozen=True)
class Record:
    """A source record."""

    key: bytes | None
    value: bytes | None
    offset: int
    timestamp: int = START_MS
    headers: Sequence[tuple[str, bytes]] = ()


@dataclass
class StatusPartition:
    """Committed records only; offsets have a hole after each transaction, as markers make."""

    first: int = 0
    end: int = 0
    records: list[Logged] = field(default_factory=list)


@dataclass(frozen=True)
class Transaction:
    """What was committed, for the checks: never trimmed or compacted."""

    topic_id: str
    session: int
    records: tuple[Outgoing, ...]
    timestamp: int


@dataclass
class Broker:
    """What survives every crash of a worker."""

    now: int = START_MS
    tombstones_kept_ms: int = DAY_MS
    unfit: str | None = None
    """Why the topics do not tell where a record belongs, if so."""
    topic_ids: dict[str, str] = field(default_factory=lambda: defaultdict(lambda: "first"))
    sources: dict[tuple[str, int], list[Record]] = field(default_factory=lambda: defaultdict(list))
    status: dict[int, StatusPartition] = field(default_factory=lambda: defaultdict(StatusPartition))
    history: dict[int, list[Transaction]] = field(default_factory=lambda: defaultdict(list))
    dead: list[Outgoing] = field(default_factory=list)
    sessions: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    """Partition number -> the session that holds its ``transactional.id``."""
    group: dict[tuple[str, int], int] = field(default_factory=dict)
    """What the group's committed offsets would say: Faust's own bookkeeping, ahead or behind."""
    outage: int = 0
    """So many questions more are not answered."""
    sessions_made: Iterator[int] = field(default_factory=lambda: count(1))

    def publish(
        self,
        topic: str,
        number: int,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> Record:
        """Append a source record at the broker's present time."""
        log = self.sources[topic, number]
        offset = log[-1].offset + 1 if log else 0
        record = Record(key, value, offset, self.now, headers)
        log.append(record)
        return record

    def commit(self, number: int, session: int, records: Sequence[Outgoing]) -> Appended:
        """One transaction, all of it at once."""
        log = self.status[number]
        for record in records:
            if record.topic == STATUS:
                assert record.key is not None
                log.records.append(Logged(record.key, record.value, log.end, self.now))
                log.end += 1
            else:
                assert record.topic == DEAD_LETTERS
                self.dead.append(record)
        next_offset = log.end
        log.end += 1  # the marker
        topic_id = self.topic_ids[STATUS]
        self.history[number].append(Transaction(topic_id, session, tuple(records), self.now))
        return Appended(next_offset, self.now)

    def compact(self, number: int, upto: int) -> None:
        """Of every key only the last record below ``upto`` stays; tombstones go."""
        log = self.status[number]
        last = {record.key: record.offset for record in log.records if record.offset < upto}
        log.records = [
            record
            for record in log.records
            if record.offset >= upto
            or (last[record.key] == record.offset and record.value is not None)
        ]

    def empty_status(self, number: int) -> None:
        """Delete every record (``DeleteRecords``)."""
        log = self.status[number]
        log.records, log.first = [], log.end

    def recreate(self, topic: str, name: str) -> None:
        """Delete a topic and create it again under another id."""
        self.topic_ids[topic] = name
        for held, number in list(self.sources):
            if held == topic:
                self.sources[held, number] = []
        if topic == STATUS:
            self.status.clear()

    def answer(self) -> None:
        """:class:`LogUnavailable` while the broker is away."""
        if self.outage:
            self.outage -= 1
            raise LogUnavailable("the simulated broker is away")

    # -- what the processor asks of the topics (:class:`~processor.partition.partition.Topics`) --

    def ids(self) -> dict[str, str]:
        """The topics' ids."""
        self.answer()
        return {topic: self.topic_ids[topic] for topic in (*SOURCE_TOPICS.values(), STATUS)}

    def sources_of(self, number: int) -> dict[str, SourceLog]:
        """First and last offsets."""
        self.answer()
        found = {}
        for topic in SOURCE_TOPICS.values():
            log = self.sources[topic, number]
            first, end = (log[0].offset, log[-1].offset + 1) if log else (0, 0)
            found[topic] = SourceLog(self.topic_ids[topic], first, end)
        return found


class SimulatedTopics:
    """:class:`~processor.partition.partition.Topics` of a broker."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker

    def ids(self) -> dict[str, str]:
        """The topics' ids."""
        return self.broker.ids()

    def require_fit(self) -> None:
        """:class:`TopicsDiffer` while the broker is said to be unfit."""
        self.broker.answer()
        if self.broker.unfit is not None:
            raise TopicsDiffer(self.broker.unfit)

    def sources(self, number: int) -> dict[str, SourceLog]:
        """First and last offsets."""
        return self.broker.sources_of(number)

    def tombstones_kept_ms(self) -> int:
        """As long as the simulated topic keeps them."""
        self.broker.answer()
        return self.broker.tombstones_kept_ms


class SimulatedLog:
    """One session on a status partition."""

    def __init__(self, broker: Broker, number: int, reach: Reach = nothing_happens) -> None:
        self.broker = broker
        self.number = number
        self.reach = reach
        self.session = 0

    def fence(self) -> None:
        """A new session: the one before may write no more."""
        self.reach("fence: before")
        self.session = self.broker.sessions[self.number] = next(self.broker.sessions_made)
        self.reach("fence: after")

    def bounds(self) -> tuple[int, int]:
        """First and end offset."""
        self.broker.answer()
        log = self.broker.status[self.number]
        return log.first, log.end

    def read(self, start: int, end: int) -> Iterator[list[Logged]]:
        """What is committed, three records at a time."""
        held = [r for r in self.broker.status[self.number].records if start <= r.offset < end]
        for at in range(0, len(held), 3):
            self.reach("recovery: reading")
            yield held[at : at + 3]

    def append(self, records: Sequence[Outgoing]) -> Appended:
        """All of it or nothing; ``append: answered`` is reached when it is in."""
        self.reach("append: before")
        self._require_session()
        self.reach("append: open")
        self._require_session()
        appended = self.broker.commit(self.number, self.session, records)
        self.reach("append: answered")
        return appended

    def close(self) -> None:
        """Nothing to release."""

    def _require_session(self) -> None:
        if self.session != self.broker.sessions[self.number]:
            raise Fenced(f"partition {self.number} has another owner")


def lost_acknowledgement() -> LogFailed:
    """What the client says when it does not know whether a transaction is in."""
    return LogFailed("the simulated broker's answer was lost")
