"""One partition number: the worker resumes it, processes batches with it, sweeps and closes it.

:meth:`Partition.process` handles all events: it folds a batch and commits it
(:mod:`processor.partition.durable_rows`). The commit of the consumer group happens elsewhere, and
only for tools that show lag. On any exception nothing of a batch counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from processor.batch import Batch
from processor.meter import Meter
from processor.partition import expiry
from processor.partition.durable_rows import DurableRows
from processor.partition.folding import Folded, Folding
from processor.partition.ledger import (
    Ledger,
    Position,
    counting_deleted,
    deleted_unread,
    gone_back,
)
from processor.partition.recovery import Progress, Stores
from processor.partition.resumption import Resumption
from processor.partition.source_topics import Topics
from processor.partition.status_log import Outgoing, StatusLog
from processor.partition.sweep import Sweep
from processor.safety.in_flight import InFlight
from projections.cap import TIMELINE_CAP
from projections.events import Reader
from projections.retention import RETENTION_MS
from runtime.interpreter import large_work_alone
from schemas.codec import Codec
from schemas.identifiers import DeviceId
from schemas.topics import STATUS


class FrameLost(RuntimeError):
    """A frame does not start at the partition's position: records would be skipped."""


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
        in_flight: InFlight,
        timeline_cap: int = TIMELINE_CAP,
        retention_ms: int = RETENTION_MS,
        progress: Progress = lambda number, done, total: None,
        meter: Meter | None = None,
    ) -> None:
        self.number = number
        self._folding = Folding(number, partitions, reader, codec, timeline_cap, retention_ms)
        self._log = log
        self._topics = topics
        self._in_flight = in_flight
        self._durable = DurableRows(number, worker, stores, log, codec, meter)
        self._sweep = Sweep(self._durable, self._folding)
        self._resumption = Resumption(
            self._durable, stores, log, topics, self._folding, codec, progress
        )

    @property
    def ledger(self) -> Ledger:
        """Positions and counts."""
        return self._durable.ledger

    @ledger.setter
    def ledger(self, ledger: Ledger) -> None:
        self._durable.ledger = ledger

    def resume(self, *, mending: bool = False) -> None:
        """Take the partition over; see :meth:`Resumption.resume`."""
        self._sweep.begin_again()
        meter = self._durable.meter
        try:
            with meter.resumption.time():
                self._resumption.resume(mending=mending)
        finally:
            meter.reading(self.number, 0, 0)

    @property
    def read_until(self) -> Mapping[str, int]:
        """Source topic -> received time of the last record read, in milliseconds; without topics of
        which nothing was read since the partition was taken over."""
        return self._durable.clock.read

    def figures(self) -> Mapping[str, float]:
        """Metrics of its store; empty while none is open."""
        store = self._durable.store
        return {} if store is None else store.figures()

    def close(self) -> None:
        """Close the store and the log."""
        self._log.close()
        self._durable.close()

    def process(self, batch: Batch) -> None:
        """Fold a batch and make it durable. On any exception nothing of it counts.

        Raises :class:`~processor.partition.status_log.LogUnavailable` or
        :class:`~schemas.registry.RegistryUnavailable`, after which the caller tries again. Any
        other exception ends the worker: :class:`FrameLost`,
        :class:`~processor.partition.status_log.Fenced`,
        :class:`~processor.safety.defects.Defect`, ``OSError`` of the disk.
        """
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
        with self._in_flight.holding(self.number, batch, self._stored) as refused:
            covered = self.ledger.next_offset
            read = self._durable.clock.with_batch(batch)
            ledger = counting_deleted(self._advanced(batch, read), deleted)
            now = ledger.partition_time or 0
            with large_work_alone(len(batch)), self._durable.meter.fold.time():
                folded = self._folding.fold(batch.frames, covered, self._durable.held, refused, now)
            self._durable.meter.records.observe(len(batch))
            if folded.misplaced:
                # The topic may have new partitions: then the publisher's record is not at fault.
                self._topics.require_fit()
            if folded.read:
                self._durable.commit(folded, ledger)
            self._durable.clock.read = read

    def _deleted_before(self, batch: Batch) -> int:
        """Offsets that were deleted between the positions and the batch.

        The client skips deleted offsets and transaction markers silently; the broker's first offset
        shows which of the two a gap is.
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
        """Write a control record without rows: it shows the partition's owner and its lag."""
        self._durable.commit(
            Folded(), self._advanced(Batch(self.number, (), ends), self._durable.clock.read)
        )

    def sweep(self) -> bool:
        """Forget what is due in a few rows; whether there may be more."""
        return self._sweep.step()

    def rows(self) -> Iterator[tuple[str, bytes]]:
        """(Device ID, stored row) of all rows, by Device ID."""
        return self._durable.all()

    def put_right(self, states: Mapping[str, bytes | None]) -> None:
        """Replace these rows in one transaction, ``None`` deletes one; positions and counts are
        unchanged."""
        held = self._durable.held([DeviceId(device) for device in states])
        before = dict(zip(states, held, strict=True))
        outgoing = [
            Outgoing(STATUS, device.encode(), None)
            if state is None
            else self._folding.status(device, state)
            for device, state in states.items()
        ]
        self._durable.commit(
            Folded(dict(states), before, expiry.times(before, states), outgoing), self.ledger
        )

    def _stored(self, device: DeviceId) -> bytes | None:
        return self._durable.held([device])[0]

    def _advanced(self, batch: Batch, read: Mapping[str, int]) -> Ledger:
        """The ledger with the positions and times after a batch."""
        ledger = self.ledger
        positions = dict(ledger.positions)
        for frame in batch.frames:
            held = positions[frame.topic]
            if frame.next_offset > held.next_offset:
                positions[frame.topic] = Position(held.topic_id, frame.next_offset)
        time = self._durable.clock.partition_time(
            ledger.partition_time, positions, batch.ends, read
        )
        return replace(ledger, positions=positions, partition_time=time)
