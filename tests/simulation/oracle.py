"""What must hold, recomputed from what was published and from every transaction ever committed."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from processor.partition.dead_letters import place_of
from projections.events import RECORDS, check_key
from projections.fold import Fold
from projections.retention import RETENTION_MS, retain
from projections.rows import decode_row, encode_row, holds_from, order, reports_of
from projections.state import Row
from schemas.codec import BadRecord
from schemas.partitioning import partition_of
from schemas.topics import CONTROL_KEY, DEAD_LETTERS, TOPIC_SOURCES
from tests.simulation.broker import Broker, Record
from tests.simulation.events import CODEC, PARTITIONS
from tests.simulation.process import reader


class Violation(AssertionError):
    """An invariant does not hold; the message names it."""


Log = tuple[str, str, int]
"""Topic, topic id, partition number."""


@dataclass
class Published:
    """Every source record ever, also of topics that are gone: the oracle's only input."""

    retention_ms: int = RETENTION_MS
    logs: dict[Log, dict[int, Record]] = field(default_factory=lambda: defaultdict(dict))
    lost: list[tuple[Log, Record]] = field(default_factory=list)
    """Read, folded, and then lost by the broker; others stand at their offsets now."""

    def note(self, broker: Broker) -> None:
        """Remember what the source topics hold now."""
        for (topic, number), records in broker.sources.items():
            held = self.logs[topic, broker.topic_ids[topic], number]
            held.update({record.offset: record for record in records})

    def device(self, log: Log, record: Record) -> str | None:
        """The device about which a valid record is, or none for a bad one."""
        topic, _, number = log
        source = TOPIC_SOURCES[topic]
        try:
            place = place_of(topic, number, record)
            fields = CODEC.decode(RECORDS[source], record.value)
            device, _ = reader(self.retention_ms).report(source, fields, place)
            check_key(record.key, device)
        except BadRecord:
            return None
        return device if partition_of(device, PARTITIONS) == number else None

    def row(self, records: list[tuple[Log, Record]], time: int | None) -> bytes | None:
        """The row of valid records about one device at the partition's time; none if all ended."""
        rules = Fold(reader(self.retention_ms).catalogue, reader(self.retention_ms).device_types)
        row = rules.new_row()
        for (topic, _, number), record in records:
            source = TOPIC_SOURCES[topic]
            fields = CODEC.decode(RECORDS[source], record.value)
            place = place_of(topic, number, record)
            _, report = reader(self.retention_ms).report(source, fields, place)
            rules.add(row, report)
        return self.settled(row, time)

    def settled(self, row: Row, time: int | None) -> bytes | None:
        """A row without what had ended at a time; none if nothing is left."""
        found = retain(row, self.retention_ms, time or 0)
        return None if found.is_empty else encode_row(found.row)


class Checker:
    """Follows the transactions of one partition number."""

    def __init__(self, number: int, broker: Broker, published: Published) -> None:
        self.number = number
        self.excused = False
        """Whether a disaster allows positions to go back: the log or a topic was lost."""
        self._broker = broker
        self._published = published
        self._seen = 0
        self._covered: dict[Log, int] = {}
        self._by_device: dict[str, list[tuple[Log, Record]]] = defaultdict(list)
        self.valid = self.bad = 0
        self.table: dict[str, bytes] = {}
        self.counts: dict[str, int] = {}
        self.behind = False
        """Whether events are read again, so that rows may be unfinished."""
        self._time: int | None = None

    def follow(self) -> None:
        """Check the transactions since the last call."""
        history = self._broker.history[self.number]
        while self._seen < len(history):
            transaction = history[self._seen]
            self._seen += 1
            changed: set[str] = set()
            rows = [r for r in transaction.records if r.topic != DEAD_LETTERS]
            *rows, control = rows
            if control.key != CONTROL_KEY:
                raise Violation("I5: a transaction does not end with its control record")
            for record in rows:
                assert record.key is not None
                if record.key == CONTROL_KEY:
                    raise Violation("I5: two control records in one transaction")
                device = record.key.decode()
                changed.add(device)
                self._put(device, record.value)
            told = CODEC.decode("ProcessorControl", control.value)
            self._time_moves(told)
            changed |= self._advance(told)
            if not self.behind and not self.excused:
                self._compare(changed, "I5: rows and the offsets they cover do not agree")
            if told["rows"] != len(self.table) and not self.excused:
                raise Violation(f"I7: {told['rows']} rows are told, {len(self.table)} are there")
            self.counts = told["counts"]

    def _put(self, device: str, value: bytes | None) -> None:
        if value is None:
            self.table.pop(device, None)
            return
        state = CODEC.decode("FirmwareStatus", value)["state"]
        before = self.table.get(device)
        forgets = self._published.retention_ms < RETENTION_MS
        if before is not None and not self.excused and not forgets and not _includes(state, before):
            raise Violation(f"I3: the row of {device} went back")
        self.table[device] = state

    def _advance(self, told: dict) -> set[str]:  # type: ignore[type-arg]
        """Note what is covered now; the devices that are concerned."""
        changed: set[str] = set()
        self.behind = False
        for position in told["positions"]:
            log = (position["topic"], position["topic_id"], self.number)
            covered, at = self._covered.get(log, 0), position["next_offset"]
            if at < covered:
                if not self.excused:
                    raise Violation(f"I5: {log} was covered to {covered}, now {at} is told")
                self.behind = True
            for offset in range(covered, at):
                record = self._published.logs[log].get(offset)
                if record is not None:
                    changed |= self._cover(log, record)
            self._covered[log] = max(covered, at)
        return changed

    def cover_lost(self, log: Log, record: Record) -> None:
        """A record that the broker lost stays folded; another will stand at its offset."""
        self._covered[log] = min(self._covered.get(log, 0), record.offset)

    def _cover(self, log: Log, record: Record) -> set[str]:
        device = self._published.device(log, record)
        if device is None:
            self.bad += 1
            return set()
        self.valid += 1
        self._by_device[device].append((log, record))
        return {device}

    def _compare(self, devices: set[str], what: str) -> None:
        for device in devices:
            expected = self._published.row(self._by_device[device], self._time)
            state = self.table.get(device)
            # A row that nothing touched may hold what is due until the next sweep.
            if state is not None:
                state = self._published.settled(decode_row(state), self._time)
            if state != expected and not (self.excused and _same_records(state, expected)):
                raise Violation(f"{what}: {device}")

    def _time_moves(self, told: dict) -> None:  # type: ignore[type-arg]
        time = told["partition_time"]
        back = self._time is not None and (time is None or time < self._time)
        if back and not self.excused:
            raise Violation("I8: partition time went back")
        self._time = time

    def at_rest(self, store: dict[str, bytes] | None) -> None:
        """Everything was read: the table is the fold of it all, on disk and in the log."""
        self.follow()
        if self.behind:
            raise Violation("I10: events are still being read again")
        if self.excused and store is not None:
            self._let_go(store)
        self._compare(set(self._by_device) | set(self.table), "I1: a row is not the fold")
        # A partition that reads everything again may not have its time yet.
        for device, state in self.table.items() if self._time is not None else ():
            left = self._published.settled(decode_row(state), self._time)
            if left is None or reports_of(decode_row(left)) != reports_of(decode_row(state)):
                raise Violation(f"I8: what is due of {device} was not forgotten")
            if holds_from(state) > holds_from(left):
                raise Violation(f"I8: the sweep would look at {device} too late")
        if store is not None and store != self.table:
            raise Violation("I12: the store and the log do not hold the same table")
        counts = self.counts
        if counts and counts["read"] != counts["folded"] + counts["dead_lettered"]:
            raise Violation("I7: the counts do not add up")
        if self.excused:
            return
        found = (counts.get("folded", 0), counts.get("dead_lettered", 0))
        if found != (self.valid, self.bad):
            raise Violation(f"I7: folded, dead: {found}; published {(self.valid, self.bad)}")
        self._dead_once()

    def _let_go(self, store: dict[str, bytes]) -> None:
        """Where log and store were both lost, nobody is left to write a tombstone of what ended."""
        for device in set(self.table) - set(store):
            if self._published.settled(decode_row(self.table[device]), self._time) is None:
                del self.table[device]

    def _dead_once(self) -> None:
        places = Counter(
            tuple(value for name, value in letter.headers or [] if str(name).startswith("dl_"))[:3]
            for t in self._broker.history[self.number]
            for letter in t.records
            if letter.topic == DEAD_LETTERS
        )
        if sum(places.values()) != self.bad:
            raise Violation(f"I7: {sum(places.values())} dead letters of {self.bad} bad records")


def _same_records(one: bytes | None, other: bytes | None) -> bool:
    """After a disaster a row may remember what it forgot in a life that is not told any more."""
    if one is None or other is None:
        return one is other
    return reports_of(decode_row(one)) == reports_of(decode_row(other))


def _includes(after: bytes, before: bytes) -> bool:
    """Whether a row holds every record of an earlier one."""

    def records(data: bytes) -> set[tuple[int, bytes, int, int]]:
        return {order(report) for report in reports_of(decode_row(data))}

    return records(before) <= records(after)
