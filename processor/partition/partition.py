"""One partition number: its rows, its place in every topic, and the order in which both become
durable.

Order (design §6): one fenced transaction with rows, dead letters and control record; then one
atomic write of the same rows and the ledger; then, elsewhere, the group commit that only feeds lag
tools. On resumption the status topic is read to its end before anything is folded, so a row never
goes back.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Final, Protocol

from processor.batch import Batch
from processor.partition import expiry
from processor.partition.folding import STATUS_RECORD, Folded, Folding
from processor.partition.ledger import (
    LEDGER_KEY,
    QUARANTINED,
    Ledger,
    Position,
    SourceLog,
    control_value,
    counting_deleted,
    current,
    deleted_unread,
    from_control,
    from_the_beginning,
    gone_back,
    pack,
)
from processor.partition.partition_time import Clock
from processor.partition.recovery import ROW_PREFIX, LogState, Progress, Stores, open_store, rows
from processor.partition.status_log import Logged, Outgoing, StatusLog
from processor.safety.in_flight import InHand
from projections.cap import TIMELINE_CAP
from projections.events import Reader
from projections.retention import RETENTION_MS
from projections.state import LAYOUT
from schemas.codec import Codec
from schemas.identifiers import DeviceId
from schemas.topics import CONTROL_KEY, STATUS
from storage.store import WORTH_GIVING_BACK, Store, StoreDamaged, give_up

logger = logging.getLogger(__name__)

_REGIONS_KEPT: Final = 32
SWEPT: Final = 200
"""Rows that a sweep looks at before folding may go on."""
_REFILL: Final = 1_000
"""Rows of one transaction when the log is filled again from the store."""


class FrameLost(RuntimeError):
    """A frame does not begin where the partition stands: records between would be skipped."""


class TopicsDiffer(RuntimeError):
    """The source topics and the status topic differ in their number of partitions, or one is
    missing: nothing can be placed until that is put right, and nothing is lost meanwhile."""


class Topics(Protocol):
    """What the broker says of the topics themselves; ``LogUnavailable`` while it says nothing."""

    def ids(self) -> dict[str, str]:
        """Topic -> id, of the source topics and the status topic: a topic made anew has another."""

    def require_fit(self) -> None:
        """:class:`TopicsDiffer` if a record's partition does not tell where it belongs now."""

    def sources(self, number: int) -> dict[str, SourceLog]:
        """Every source topic in a partition number."""

    def tombstones_kept_ms(self) -> int:
        """How long the status topic keeps a tombstone: an older store may have missed one."""
        ...


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
        topics: Topics,
        worker: str,
        in_hand: InHand,
        timeline_cap: int = TIMELINE_CAP,
        retention_ms: int = RETENTION_MS,
        progress: Progress = lambda number, done, total: None,
    ) -> None:
        self.number = number
        self._folding = Folding(number, partitions, reader, codec, timeline_cap, retention_ms)
        self._stores = stores
        self._log = log
        self._codec = codec
        self._topics = topics
        self._worker = worker
        self._in_hand = in_hand
        self._progress = progress
        self._store: Store | None = None
        self._status_topic_id = ""
        self._clock = Clock()
        self._sweeping_from: bytes | None = None
        """Where a sweep that is not over goes on. From the beginning of the index it would walk
        over everything that it has deleted, again with every step."""
        self._swept = 0
        """Rows swept since their space was given back."""
        self.ledger = Ledger()

    # -- resumption ------------------------------------------------------------------------------

    def resume(self, *, mending: bool = False) -> None:
        """Own the partition: fence the last owner, then bring the store up to the log's end.

        ``mending``: a log that is not whole is no reason to read every event again, for its rows
        are to be put right.
        """
        self._log.fence()
        self._sweeping_from = None
        topic_id = self._topics.ids()[STATUS]
        first, end = self._log.bounds()
        kept_ms = self._topics.tombstones_kept_ms()
        log = LogState(topic_id, first, end, lambda: not any(self._log.read(first, end)), kept_ms)
        self._open(log)
        try:
            self._catch_up(log, mending)
        except StoreDamaged as error:
            self._open_anew(log, str(error))
            self._catch_up(log, mending)
        self.ledger = current(self.ledger, self._topics.sources(self.number))
        if self.ledger.log_start != first:
            self._refill(log)
        logger.info(
            "partition %d: %d rows, status offset %d, goes on at %s",
            self.number,
            self.ledger.rows,
            self.ledger.status_offset,
            {topic: p.next_offset for topic, p in self.ledger.positions.items()},
        )

    def close(self) -> None:
        """Give the partition up in order."""
        self._log.close()
        self._close_store()

    def _open(self, log: LogState) -> None:
        """The store; one that stayed open is gone on from if it still fits the log."""
        known = self._store is not None and self._status_topic_id == log.topic_id
        fits = known and self.ledger.log_start == log.first
        if fits and log.refuses(self.ledger, log.topic_id) is None:
            return
        self._close_store()
        self._store, self.ledger = open_store(self._stores, self.number, log)
        self._status_topic_id = log.topic_id
        self._clock.read = {}

    def _open_anew(self, log: LogState, why: str) -> None:
        give_up(self._opened())
        self._stores.set_aside(self.number, why)
        self._store, self.ledger = self._stores.open(self.number), log.fresh()

    def _close_store(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None

    def _catch_up(self, log: LogState, mending: bool) -> None:
        """Apply the log to its end, and hold the rows against the last control record's count.

        :class:`StoreDamaged` if the store has missed what the log no longer tells.
        """
        anew, began = self.ledger.status_offset == log.first, self.ledger.status_offset
        covered_at = self.ledger.covered_at
        for logged in self._log.read(began, log.end):
            self._apply(logged)
            self._progress(self.number, self.ledger.status_offset - began, log.end - began)
        self.ledger = replace(self.ledger, status_offset=log.end)
        if covered_at and self.ledger.covered_at - covered_at > log.tombstones_kept_ms:
            raise StoreDamaged("it is older than the log keeps tombstones")
        if self.ledger.rows == self.ledger.counted or mending:
            return
        what = f"{self.ledger.rows} rows where the log counts {self.ledger.counted}"
        if not anew:
            raise StoreDamaged(what)
        logger.error(
            "partition %d: the status topic is not whole (%s): every event is read again",
            self.number,
            what,
        )
        self._write(from_the_beginning(self.ledger), {})

    def _apply(self, logged: list[Logged]) -> None:
        """Committed status records into the store: rows, tombstones, and the last control
        record."""
        store, ledger = self._opened(), self.ledger
        changes: dict[bytes, bytes | None] = {}
        for record in logged:
            key = ROW_PREFIX + record.key
            if record.key == CONTROL_KEY:
                assert record.value is not None
                ledger = from_control(self._codec, record.value, ledger)
            elif record.value is None:
                changes[key] = None
            else:
                state = self._codec.decode(STATUS_RECORD, record.value)["state"]
                # A row of another layout is missed by the count, and made from the events again.
                changes[key] = state if state[:1] == bytes([LAYOUT]) else None
        rows = {key[len(ROW_PREFIX) :].decode(): state for key, state in changes.items()}
        held = dict(zip(rows, store.get_many(list(changes)), strict=True))
        grown = sum((rows[name] is not None) - (held[name] is not None) for name in rows)
        changes |= expiry.moves(held, rows)
        if logged:
            ledger = replace(
                ledger, status_offset=logged[-1].offset + 1, covered_at=logged[-1].timestamp
            )
        self._write(replace(ledger, rows=ledger.rows + grown), changes)

    def _refill(self, log: LogState) -> None:
        """Write every row of the store to a log that was emptied or created anew."""
        self._write(self.ledger, {})
        held = rows(self._opened())
        while chunk := list(islice(held, _REFILL)):
            records = [self._folding.status(device, state) for device, state in chunk]
            self._append(self.ledger, records, {})
        self._append(replace(self.ledger, log_start=log.first), [], {})

    # -- processing ------------------------------------------------------------------------------

    def process(self, batch: Batch) -> None:
        """Fold a batch and make it durable; on any exception nothing of it counts."""
        for frame in batch.frames:
            reached = self.ledger.next_offset(frame.topic)
            if frame.start > reached:
                raise FrameLost(
                    f"{frame.topic}[{self.number}]: a frame begins at {frame.start}, "
                    f"covered is {reached}"
                )
        again = {frame.topic: frame.start for frame in batch.frames if frame.again}
        if again:
            self.ledger = gone_back(self.ledger, again)
        deleted = self._deleted_before(batch)
        with self._in_hand.holding(self.number, batch, self._stored) as refused:
            covered = self.ledger.next_offset
            read = self._clock.with_batch(batch)
            ledger = counting_deleted(self._advanced(batch, read), deleted)
            now = ledger.partition_time or 0
            folded = self._folding.fold(batch.frames, covered, self._held, refused, now)
            if folded.misplaced:
                # A publisher may know of more partitions than we: no fault of its record then.
                self._topics.require_fit()
            if folded.read:
                self._commit(folded, ledger)
            self._clock.read = read

    def _deleted_before(self, batch: Batch) -> int:
        """Offsets that were deleted between what is covered and the batch.

        The client goes over them silently, and over transaction markers too: the broker tells which
        of the two a hole is.
        """
        after_holes = {
            frame.topic: frame.records[0].offset
            for frame in batch.frames
            if frame.records and frame.records[0].offset > self.ledger.next_offset(frame.topic)
        }
        if not after_holes:
            return 0
        sources = self._topics.sources(self.number)
        found = {
            topic: replace(sources[topic], first=min(sources[topic].first, offset))
            for topic, offset in after_holes.items()
        }
        return deleted_unread(self.ledger, found)

    def keep_alive(self, ends: dict[str, int]) -> None:
        """A control record alone: it shows that the partition is owned, and how late it is."""
        self._commit(Folded(), self._advanced(Batch(self.number, (), ends), self._clock.read))

    def sweep(self, most: int = SWEPT) -> bool:
        """Forget what is due, of up to ``most`` rows; whether there may be more.

        Costs what is due, not what is stored (design §7).
        """
        now = self.ledger.partition_time
        if now is None:
            return False
        since = now - self._folding.retention_ms
        entries = expiry.due(self._opened(), since, most, self._sweeping_from)
        if entries:
            devices = [expiry.device_of(entry) for entry in entries]
            self._commit(self._folding.forget(devices, self._held, now), self.ledger)
            self._swept += len(devices)
        more = len(entries) == most
        self._sweeping_from = entries[-1] if more else None
        if not more and self._swept >= WORTH_GIVING_BACK:
            self._opened().give_back()
            self._swept = 0
        return more

    def rows(self) -> Iterator[tuple[str, bytes]]:
        """(Device ID, stored row) of everything held, in order."""
        return rows(self._opened())

    def put_right(self, states: Mapping[str, bytes | None]) -> None:
        """One transaction with these rows instead of what is held, none for a device of which
        nothing should be; what is covered and counted stays."""
        held = self._held([DeviceId(device) for device in states])
        outgoing = [
            Outgoing(STATUS, device.encode(), None)
            if state is None
            else self._folding.status(device, state)
            for device, state in states.items()
        ]
        self._commit(
            Folded(dict(states), dict(zip(states, held, strict=True)), outgoing), self.ledger
        )

    def _held(self, devices: Sequence[DeviceId]) -> Sequence[bytes | None]:
        return self._opened().get_many([ROW_PREFIX + device.encode() for device in devices])

    def _stored(self, device: DeviceId) -> bytes | None:
        return self._held([device])[0]

    def _commit(self, folded: Folded, ledger: Ledger) -> None:
        self._stores.require_room()
        rows = {ROW_PREFIX + device.encode(): state for device, state in folded.rows.items()}
        index = expiry.moves(folded.before, folded.rows)
        self._append(_counting(ledger, folded), folded.outgoing, {**rows, **index})

    def _append(
        self, ledger: Ledger, records: Sequence[Outgoing], changes: Mapping[bytes, bytes | None]
    ) -> None:
        """The transaction, then the write of the same to the store."""
        self._opened().require_sound()
        control = control_value(self._codec, ledger, self.number, self._worker)
        appended = self._log.append([*records, Outgoing(STATUS, CONTROL_KEY, control)])
        end, at = appended.next_offset, appended.timestamp
        self._write(replace(ledger, status_offset=end, covered_at=at), changes)
        self._clock.broker = at

    def _write(self, ledger: Ledger, changes: Mapping[bytes, bytes | None]) -> None:
        """Rows and ledger as one atomic write."""
        self._opened().write({**changes, LEDGER_KEY: pack(ledger, self._status_topic_id)})
        self.ledger = ledger

    def _advanced(self, batch: Batch, read: Mapping[str, int]) -> Ledger:
        """The ledger's places and times once this batch is read."""
        ledger = self.ledger
        positions = dict(ledger.positions)
        for frame in batch.frames:
            held = positions[frame.topic]
            if frame.next_offset > held.next_offset:
                positions[frame.topic] = Position(held.topic_id, frame.next_offset)
        time = self._clock.partition_time(ledger.partition_time, positions, batch.ends, read)
        return replace(ledger, positions=positions, partition_time=time)

    def _opened(self) -> Store:
        assert self._store is not None, "resume() comes first"
        return self._store


def _counting(ledger: Ledger, folded: Folded) -> Ledger:
    """``ledger`` with the rows and counts of what was folded."""
    last_received = {**ledger.last_received, **folded.last_received}
    while len(last_received) > _REGIONS_KEPT:
        del last_received[min(last_received, key=last_received.__getitem__)]
    added = {
        "read": folded.read,
        "folded": folded.read - folded.dead,
        "dead_lettered": folded.dead,
    }
    if folded.quarantined:
        added[QUARANTINED] = folded.quarantined
    return replace(
        ledger,
        rows=ledger.rows + folded.grown,
        counted=ledger.rows + folded.grown,
        last_received=last_received,
        counts=ledger.counts | {name: ledger.counts.get(name, 0) + n for name, n in added.items()},
    )
