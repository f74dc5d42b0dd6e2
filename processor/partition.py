"""One partition number: its rows, its place in every topic, and the order in which both become
durable.

Order (design §6): one fenced transaction with rows, dead letters and control record; then one
atomic write of the same rows and the ledger; then, elsewhere, the group commit that only feeds lag
tools. On resumption the status topic is read to its end before anything is folded, so a row never
goes back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from processor.batch import Batch, Frame, SourceRecord
from processor.dead_letters import dead_letter
from processor.ledger import (
    LEDGER_KEY,
    Ledger,
    Position,
    control_value,
    current,
    from_control,
    pack,
    unpack,
)
from processor.log import Logged, Outgoing, StatusLog
from projections.cap import TIMELINE_CAP
from projections.events import RECORDS, Place, Reader, check_key
from projections.fold import Fold
from projections.state import ForeignLayout, Report, Row, encode_row
from projections.status_record import status_body
from schemas.codec import BadRecord, Codec
from schemas.identifiers import DeviceId
from schemas.partitioning import partition_of
from schemas.topics import CONTROL_KEY, STATUS, TOPIC_SOURCES, Source
from storage.store import Store, StoreDamaged

logger = logging.getLogger(__name__)

STATUS_RECORD: Final = "FirmwareStatus"
_ROW: Final = b"d"
_REGIONS_KEPT: Final = 32


class FrameLost(RuntimeError):
    """A frame does not begin where the partition stands: records between would be skipped."""


class Stores(Protocol):
    """Where the stores of the partitions are kept."""

    def open(self, partition: int) -> Store:
        """Open the partition's store, creating it if there is none; ``StoreDamaged`` if it is."""

    def set_aside(self, partition: int, why: str) -> None:
        """Move a (closed) store out of the way, keeping it."""


@dataclass(slots=True)
class _Work:
    """What a batch comes to before anything of it is durable."""

    reports: dict[DeviceId, list[tuple[Report, SourceRecord, str]]] = field(default_factory=dict)
    dead: list[Outgoing] = field(default_factory=list)
    read: int = 0
    last_received: dict[str, int] = field(default_factory=dict)


class Partition:
    """The processor of one partition number, owned by one worker at a time."""

    def __init__(
        self,
        number: int,
        partitions: int,
        *,
        stores: Stores,
        log: StatusLog,
        reader: Reader,
        codec: Codec,
        topic_ids: Callable[[], dict[str, str]],
        worker: str,
        timeline_cap: int = TIMELINE_CAP,
    ) -> None:
        self.number = number
        self._partitions = partitions
        self._stores = stores
        self._log = log
        self._reader = reader
        self._rules = Fold(reader.catalogue, reader.device_types, timeline_cap)
        self._codec = codec
        self._topic_ids = topic_ids
        self._worker = worker
        self._store: Store | None = None
        self._status_topic_id = ""
        self._broker_time: int | None = None
        self._read_until: dict[str, int] = {}
        self.ledger = Ledger()

    # -- resumption ------------------------------------------------------------------------------

    def resume(self) -> None:
        """Own the partition: fence the last owner, then bring the store up to the log's end."""
        ids = self._topic_ids()
        self._status_topic_id = ids[STATUS]
        self._log.fence()
        first, end = self._log.bounds()
        if self._store is None or not first <= self.ledger.status_offset <= end:
            self._store, self.ledger = self._open(first, end)
        for logged in self._log.read(self.ledger.status_offset, end):
            self._apply(logged)
        self.ledger = current(replace(self.ledger, status_offset=end), ids)
        logger.info(
            "partition %d: %d rows, status offset %d, goes on at %s",
            self.number,
            self.ledger.rows,
            end,
            {topic: p.next_offset for topic, p in self.ledger.positions.items()},
        )

    def close(self) -> None:
        """Give the partition up in order."""
        self._log.close()
        if self._store is not None:
            self._store.close()
            self._store = None

    def _open(self, first: int, end: int) -> tuple[Store, Ledger]:
        """The local store with its ledger, or an empty one where it cannot be gone on from."""
        if self._store is not None:
            self._store.close()
            self._store = None
        try:
            store = self._stores.open(self.number)
            data = store.get(LEDGER_KEY)
        except StoreDamaged as error:
            return self._open_anew(str(error), first)
        if data is None:
            return store, Ledger(status_offset=first)
        ledger = unpack(data, self._status_topic_id)
        if ledger is not None and first <= ledger.status_offset <= end:
            return store, ledger
        store.close()
        return self._open_anew("its ledger does not fit this log or this program", first)

    def _open_anew(self, why: str, first: int) -> tuple[Store, Ledger]:
        self._stores.set_aside(self.number, why)
        return self._stores.open(self.number), Ledger(status_offset=first)

    def _apply(self, logged: list[Logged]) -> None:
        """Committed status records into the store: rows, tombstones, and the last control
        record."""
        store = self._opened()
        ledger = self.ledger
        changes: dict[bytes, bytes | None] = {}
        for record in logged:
            if record.key == CONTROL_KEY:
                assert record.value is not None
                ledger = from_control(self._codec, record.value, ledger)
            elif record.value is None:
                changes[_ROW + record.key] = None
            else:
                changes[_ROW + record.key] = self._codec.decode(STATUS_RECORD, record.value)[
                    "state"
                ]
        held = store.get_many(list(changes))
        grown = sum(
            (after is not None) - (before is not None)
            for before, after in zip(held, changes.values(), strict=True)
        )
        self.ledger = replace(
            ledger,
            rows=self.ledger.rows + grown,
            status_offset=logged[-1].offset + 1 if logged else ledger.status_offset,
        )
        store.write({**changes, LEDGER_KEY: pack(self.ledger, self._status_topic_id)})

    # -- processing ------------------------------------------------------------------------------

    def process(self, batch: Batch) -> None:
        """Fold a batch and make it durable; on any exception nothing of it counts."""
        work = _Work()
        for frame in batch.frames:
            self._read(frame, work)
        if not work.read:
            return
        rows, changed = self._fold(work)
        self._commit(work, rows, changed, batch)

    def keep_alive(self, ends: dict[str, int]) -> None:
        """A control record alone: it shows that the partition is owned, and how late it is."""
        self._commit(_Work(), {}, 0, Batch(self.number, (), ends))

    def _read(self, frame: Frame, work: _Work) -> None:
        """Decode and check one frame; what cannot be folded becomes a dead letter."""
        covered = self.ledger.next_offset(frame.topic)
        if frame.start > covered:
            raise FrameLost(
                f"{frame.topic}[{self.number}]: a frame begins at {frame.start}, "
                f"covered is {covered}"
            )
        source = TOPIC_SOURCES[frame.topic]
        for record in frame.records:
            if record.offset < covered:
                continue
            work.read += 1
            try:
                fields = self._codec.decode(RECORDS[source], record.value)
                place = Place(self.number, record.offset, record.timestamp)
                device, report = self._reader.report(source, fields, place)
                check_key(record.key, device)
            except BadRecord as bad:
                work.dead.append(dead_letter(frame.topic, self.number, record, bad))
                continue
            work.reports.setdefault(device, []).append((report, record, frame.topic))
            work.last_received[_source_name(source, fields)] = record.timestamp

    def _fold(self, work: _Work) -> tuple[dict[DeviceId, tuple[Row, bytes]], int]:
        """The changed rows with their bytes, and by how many the partition grew."""
        devices = list(work.reports)
        held = self._opened().get_many([_ROW + device.encode() for device in devices])
        changed: dict[DeviceId, tuple[Row, bytes]] = {}
        grown = 0
        for device, data in zip(devices, held, strict=True):
            if data is None and partition_of(device, self._partitions) != self.number:
                self._refuse(device, work)
                continue
            row = self._rules.new_row() if data is None else self._row(data)
            news = [self._rules.add(row, report) for report, _, _ in work.reports[device]]
            if any(news):
                changed[device] = (row, encode_row(row))
                grown += data is None
        return changed, grown

    def _row(self, data: bytes) -> Row:
        try:
            return self._rules.stored_row(data)
        except ForeignLayout as error:
            raise StoreDamaged(f"partition {self.number}: {error}") from error

    def _refuse(self, device: DeviceId, work: _Work) -> None:
        """A device of another partition: folding it here too would give it two rows."""
        right = partition_of(device, self._partitions)
        bad = BadRecord(
            "wrong-partition",
            f"Key {device} belongs to partition {right}: publish with the murmur2 partitioner.",
        )
        for _, record, topic in work.reports.pop(device):
            work.dead.append(dead_letter(topic, self.number, record, bad))

    def _commit(
        self, work: _Work, rows: dict[DeviceId, tuple[Row, bytes]], grown: int, batch: Batch
    ) -> None:
        ledger = self._advanced(work, grown, batch)
        prefix = self._codec.prefix(STATUS_RECORD)
        records = [
            Outgoing(STATUS, device.encode(), prefix + status_body(device, row, state))
            for device, (row, state) in rows.items()
        ]
        records += work.dead
        control = control_value(self._codec, ledger, self.number, self._worker)
        appended = self._log.append([*records, Outgoing(STATUS, CONTROL_KEY, control)])
        ledger = replace(ledger, status_offset=appended.next_offset)
        changes: dict[bytes, bytes | None] = {
            _ROW + device.encode(): state for device, (_, state) in rows.items()
        }
        self._opened().write({**changes, LEDGER_KEY: pack(ledger, self._status_topic_id)})
        self.ledger = ledger
        self._broker_time = appended.timestamp

    def _advanced(self, work: _Work, grown: int, batch: Batch) -> Ledger:
        """The ledger once this batch is durable."""
        ledger = self.ledger
        positions = dict(ledger.positions)
        for frame in batch.frames:
            held = positions[frame.topic]
            if frame.next_offset > held.next_offset:
                positions[frame.topic] = Position(held.topic_id, frame.next_offset)
        last_received = {**ledger.last_received, **work.last_received}
        while len(last_received) > _REGIONS_KEPT:
            del last_received[min(last_received, key=last_received.__getitem__)]
        counts = ledger.counts
        added = {
            "read": work.read,
            "folded": sum(map(len, work.reports.values())),
            "dead_lettered": len(work.dead),
        }
        return replace(
            ledger,
            positions=positions,
            rows=ledger.rows + grown,
            partition_time=self._partition_time(positions, batch),
            last_received=last_received,
            counts={name: counts.get(name, 0) + n for name, n in added.items()},
        )

    def _partition_time(self, positions: dict[str, Position], batch: Batch) -> int | None:
        """The least received time read so far, over the source topics; never goes back (design §7).

        A topic read to its end counts as the broker's present time, as the last control record
        told.
        """
        known = self.ledger.partition_time
        for frame in batch.frames:
            if frame.records:
                self._read_until[frame.topic] = frame.records[-1].timestamp
        times = [
            self._broker_time
            if position.next_offset >= batch.ends.get(topic, position.next_offset + 1)
            else self._read_until.get(topic, known)
            for topic, position in positions.items()
        ]
        least = min([time for time in times if time is not None], default=None)
        if least is None or None in times:
            return known
        return least if known is None else max(known, least)

    def _opened(self) -> Store:
        assert self._store is not None, "resume() comes first"
        return self._store


def _source_name(source: Source, fields: dict[str, object]) -> str:
    """Key of the freshness table: a CSP by region, so that a silent region shows."""
    name = source.topic.removeprefix("firmware.").removesuffix(".v1")
    return f"{name}/{str(fields['csp_region'])[:32]}" if source is Source.CSP else name
