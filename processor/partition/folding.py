"""The fold of a batch: records in, changed rows and dead letters out; nothing durable happens here.

Kept apart from the partition so that a child process can try the same work on a suspect record
(:mod:`processor.safety.poison_probe`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final
from zlib import crc32

from processor.batch import Frame, SourceRecord
from processor.partition import expiry
from processor.partition.dead_letters import dead_letter, place_of
from processor.partition.status_log import Outgoing
from processor.safety.defects import Defect, Refused
from projections.cap import TIMELINE_CAP
from projections.events import RECORDS, Reader, check_key
from projections.fold import Fold
from projections.retention import RETENTION_MS, Retained, retain
from projections.rows import ForeignLayout, decode_row, encode_row
from projections.state import Report, Row
from projections.status_derivation import derive_statuses
from projections.status_record import status_body
from schemas.codec import BadRecord, Codec
from schemas.identifiers import DeviceId
from schemas.partitioning import partition_of, partition_of_bytes
from schemas.registry import RegistryUnavailable
from schemas.topics import LARGEST_STATUS, STATUS, TOPIC_SOURCES, Source
from storage.store import StoreDamaged

STATUS_RECORD = "FirmwareStatus"

Held = Callable[[Sequence[DeviceId]], Sequence[bytes | None]]
"""Looks up the stored rows of devices."""


@dataclass(slots=True)
class Folded:
    """What a batch comes to before anything of it is durable."""

    rows: dict[str, bytes | None] = field(default_factory=dict)
    """The changed rows' stored bytes, by device; none for one of which nothing is held any more."""
    before: dict[str, bytes | None] = field(default_factory=dict)
    """The same rows as they were; none for a new one."""
    times: expiry.Times = field(default_factory=dict)
    """The same rows in the expiry index."""
    outgoing: list[Outgoing] = field(default_factory=list)
    """The changed rows as status records or tombstones, then the dead letters."""
    read: int = 0
    dead: int = 0
    quarantined: int = 0
    """Records refused because they ended the process before."""
    misplaced: int = 0
    """Records refused because their key belongs to another partition."""
    last_received: dict[str, int] = field(default_factory=dict)

    @property
    def grown(self) -> int:
        """By how many rows the table becomes larger, or smaller."""
        held = sum(state is not None for state in self.rows.values())
        return held - sum(state is not None for state in self.before.values())


NO_DEFECTS: Final = (BadRecord, RegistryUnavailable, StoreDamaged, MemoryError, OSError)
"""Exceptions that say nothing of the record at which they come."""


MOST_STATUS_BYTES: Final = LARGEST_STATUS - 512 * 1024
"""Of a device's status record. What would make it larger is refused: such a device is in thousands
of requests, and nothing of it could be published any more."""


class Folding:
    """The fold of one partition number, under one catalogue."""

    def __init__(
        self,
        number: int,
        partitions: int,
        reader: Reader,
        codec: Codec,
        timeline_cap: int = TIMELINE_CAP,
        retention_ms: int = RETENTION_MS,
    ) -> None:
        self.number = number
        self._partitions = partitions
        self._reader = reader
        self._codec = codec
        self.retention_ms = retention_ms
        self._rules = Fold(reader.catalogue, reader.device_types, timeline_cap)

    def fold(
        self,
        frames: Sequence[Frame],
        covered: Callable[[str], int],
        held: Held,
        refused: Refused | None = None,
        now: int = 0,
    ) -> Folded:
        """Fold the records of ``frames`` that are not below what is ``covered`` of their topics.

        ``refused`` are not looked into: they ended the process before. ``now`` is the partition's
        time with these frames read, in milliseconds. Raises :class:`Defect` for
        an exception of ours that a record met.
        """
        work = _Work(refused or {}, now)
        for frame in frames:
            self._read(frame, covered(frame.topic), work)
        return self._fold(work, held)

    def forget(self, devices: Sequence[DeviceId], held: Held, now: int) -> Folded:
        """The rows of ``devices`` without what is due at ``now``."""
        work = _Work(now=now)
        for device, data in zip(devices, held(devices), strict=True):
            if data is not None:
                self._settle(device, self._row(data), data, work)
        return work.folded

    def status(self, device: str, state: bytes) -> Outgoing:
        """A stored row as a record of the status topic."""
        row = decode_row(state)
        return self._status(device, Retained(row, derive_statuses(row)), state)

    def _status(self, device: str, retained: Retained, state: bytes) -> Outgoing:
        body = status_body(device, retained.row, retained.found, state)
        return Outgoing(STATUS, device.encode(), self._codec.prefix(STATUS_RECORD) + body)

    def _read(self, frame: Frame, covered: int, work: _Work) -> None:
        """Decode and check one frame; what cannot be folded becomes a dead letter."""
        source = TOPIC_SOURCES[frame.topic]
        for record in frame.records:
            if record.offset < covered:
                continue
            work.folded.read += 1
            try:
                self._read_one(source, frame.topic, record, work)
            except BadRecord as bad:
                work.dead.append(dead_letter(frame.topic, self.number, record, bad))
            except NO_DEFECTS:
                raise
            except Exception as error:
                raise Defect(self.number, (frame.topic, record.offset), error) from error

    def _read_one(self, source: Source, topic: str, record: SourceRecord, work: _Work) -> None:
        if work.refused and (known := work.refused.get((topic, record.offset))) is not None:
            work.folded.quarantined += 1
            raise known
        place = place_of(topic, self.number, record)
        fields = self._codec.decode(RECORDS[source], record.value)
        device, report = self._reader.report(source, fields, place)
        check_key(record.key, device)
        work.reports.setdefault(device, []).append((report, record, topic))
        if place.received_at == record.timestamp:  # one sent again is no sign of life
            work.folded.last_received[_source_name(source, fields)] = record.timestamp

    def _fold(self, work: _Work, held: Held) -> Folded:
        folded, devices = work.folded, list(work.reports)
        for device, data in zip(devices, held(devices), strict=True):
            if data is None and partition_of(device, self._partitions) != self.number:
                self._refuse(device, work)
                continue
            try:
                self._fold_row(device, data, work)
            except NO_DEFECTS:
                raise
            except Exception as error:
                record, topic = self._culprit(device, data, work)
                raise Defect(self.number, (topic, record.offset), error) from error
        folded.outgoing += work.dead
        folded.dead = len(work.dead)
        return folded

    def _fold_row(self, device: DeviceId, data: bytes | None, work: _Work) -> None:
        row = self._rules.new_row() if data is None else self._row(data)
        news = [self._rules.add(row, report) for report, _, _ in work.reports[device]]
        if any(news):
            self._settle(device, row, data, work)
            written = work.folded.outgoing[-1].value if device in work.folded.rows else None
            if written is not None and len(written) > MOST_STATUS_BYTES:
                self._refuse_all(device, len(written), work)

    def _refuse_all(self, device: DeviceId, length: int, work: _Work) -> None:
        """The row stays as it was: what came now does not fit into it."""
        work.folded.outgoing.pop()
        del work.folded.rows[device], work.folded.before[device]
        del work.folded.times[device]
        bad = BadRecord(
            "row-full",
            f"With it the status record of {device} would have {length} bytes, more than "
            f"{MOST_STATUS_BYTES}: send it again when older requests of it are forgotten.",
        )
        for _, record, topic in work.reports[device]:
            work.dead.append(dead_letter(topic, self.number, record, bad))

    def _settle(self, device: DeviceId, row: Row, before: bytes | None, work: _Work) -> None:
        """What of a row is held now: written, or forgotten for good."""
        old = None if before is None else row.holds_from
        retained = retain(row, self.retention_ms, work.now)
        if retained.is_empty and before is None:
            return
        work.folded.times[device] = (old, None if retained.is_empty else retained.row.holds_from)
        state = None if retained.is_empty else encode_row(retained.row)
        work.folded.before[device], work.folded.rows[device] = before, state
        work.folded.outgoing.append(
            Outgoing(STATUS, device.encode(), None)
            if state is None
            else self._status(device, retained, state)
        )

    def _culprit(
        self, device: DeviceId, data: bytes | None, work: _Work
    ) -> tuple[SourceRecord, str]:
        """The first record of a device with which its row cannot be folded.

        The first of all where the row itself cannot be: that is no record's doing, and refusing
        them one by one meets the bound of a day.
        """
        reports = work.reports[device]
        for count in range(1, len(reports)):
            trial = _Work(now=work.now)
            for _, record, topic in reports[:count]:  # reports become a row's own when folded
                self._read_one(TOPIC_SOURCES[topic], topic, record, trial)
            try:
                self._fold_row(device, data, trial)
            except Exception:  # the same defect, which is told when it is raised
                return reports[count - 1][1:]
        return reports[-1][1:]

    def _row(self, data: bytes) -> Row:
        try:
            return self._rules.stored_row(data)
        except ForeignLayout as error:
            raise StoreDamaged(f"partition {self.number}: {error}") from error

    def _refuse(self, device: DeviceId, work: _Work) -> None:
        """A device of another partition: folding it here too would give it two rows."""
        for _, record, topic in work.reports[device]:
            bad = BadRecord("wrong-partition", self._astray(device, record.key or b""))
            work.dead.append(dead_letter(topic, self.number, record, bad))
            work.folded.misplaced += 1

    def _astray(self, device: DeviceId, key: bytes) -> str:
        """How a publisher comes to put ``key`` here, as far as that can be told, and what to do."""
        right = partition_of(device, self._partitions)
        told = f"{device} belongs to partition {right} and stands in {self.number}"
        if key != device.encode() and partition_of_bytes(key, self._partitions) == self.number:
            return (
                f"{told}: the partitioner is right, and the key is spelt otherwise. Send the "
                f"Device ID as key in upper case, without blanks."
            )
        if crc32(key) % self._partitions == self.number:
            return (
                f"{told}, where a CRC32 partitioner puts it. That is what librdkafka does unless "
                "it is told otherwise, and so confluent-kafka for Python, Go and .NET: set "
                "partitioner=murmur2_random in the producer, and send the record again."
            )
        return (
            f"{told}: let the producer choose the partition by murmur2 over the key, as Java does "
            "by itself (librdkafka: partitioner=murmur2_random), and send the record again."
        )


@dataclass(slots=True)
class _Work:
    refused: Refused = field(default_factory=dict)
    now: int = 0
    folded: Folded = field(default_factory=Folded)
    reports: dict[DeviceId, list[tuple[Report, SourceRecord, str]]] = field(default_factory=dict)
    dead: list[Outgoing] = field(default_factory=list)


_NAMES: Final = {
    source: source.topic.removeprefix("firmware.").removesuffix(".v1") for source in Source
}


def _source_name(source: Source, fields: dict[str, object]) -> str:
    """Key of the freshness table: a CSP by region, so that a silent region shows."""
    name = _NAMES[source]
    return f"{name}/{str(fields['csp_region'])[:32]}" if source is Source.CSP else name
