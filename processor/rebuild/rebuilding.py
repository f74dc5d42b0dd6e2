"""Rebuilds a partition's table from the event topics, and corrects the rows that differ.

It is needed after a defect of the fold, or for a corrected code catalogue. *Held* is the table up
to its last control record; *made* is a second one, folded from the events that this record covers.
Only rows that differ are written, each as a whole, in fenced transactions of the held partition: no
reader sees a half-made table. Nothing is written if a row would lose records that could not be read
again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import groupby, islice
from operator import itemgetter
from typing import Final

from processor.partition.partition import Partition
from processor.partition.recovery import Progress
from processor.partition.status_log import KafkaStatusLog
from processor.rebuild.feeding import Events, Feeding
from processor.rebuild.no_log import NoLog, Place
from projections.retention import retain
from projections.rows import decode_row, encode_row, holds_from, reports_of
from projections.state import Report
from schemas.topics import Source

TRANSACTION_ROWS: Final = 1_000
"""Rows corrected in one transaction."""


class EventsMissing(RuntimeError):
    """The event topics no longer have all events of the held rows."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result for one partition, in rows."""

    partition: int
    held: int
    made: int
    changed: int
    missing: int
    extra: int
    miscounted: bool
    """Whether the last control record counts another number of rows."""

    @property
    def differing(self) -> int:
        """Rows to be corrected, or corrected."""
        return self.changed + self.missing + self.extra

    @property
    def is_right(self) -> bool:
        """Whether there was nothing to correct."""
        return not self.differing and not self.miscounted


class UnfencedLog(KafkaStatusLog):
    """The status topic, read without fencing its owner."""

    def fence(self) -> None:
        """Does nothing, so that nothing can be written."""


class Rebuild:
    """The rebuild of one partition number. ``made`` writes to ``no_log``; both partitions have
    empty stores of their own."""

    def __init__(
        self,
        held: Partition,
        made: Partition,
        no_log: NoLog,
        events: Events,
        retention_ms: int,
        progress: Progress = lambda number, done, total: None,
    ) -> None:
        self._held = held
        self._made = made
        self._no_log = no_log
        self._events = events
        self._retention_ms = retention_ms
        self._progress = progress
        self._first: dict[str, int] = {}
        self._oldest: dict[str, int] = {}

    def run(self, *, write: bool) -> Outcome:
        """Rebuild the rows, compare them, and correct those that differ if ``write``.

        :class:`EventsMissing`, with nothing written, if a row would lose records that could not be
        read again.
        """
        found = self.compare()
        if found:
            self._require_read_again(found)
        outcome = self._outcome(list(found.values()))
        if write and not outcome.is_right:
            self._put_right({device: made for device, (_, made) in found.items()})
        return outcome

    def compare(self) -> dict[str, tuple[bytes | None, bytes | None]]:
        """Rebuild the rows; device -> (held row, right row) where they differ.

        :class:`EventsMissing` if some differ, maybe because events were deleted.
        """
        self._held.resume(mending=True)
        self._made.resume()
        self._first = _offsets(self._made)
        self._feed()
        found = {device: (held, made) for device, held, made in self._differing()}
        if found:
            self._require_whole_topics()
        return found

    def right_rows(self) -> Iterator[tuple[str, bytes]]:
        """(Device ID, row) of the rebuilt rows, by Device ID, without what is due."""
        for device, state in self._made.rows():
            if (right := self._settled(state)) is not None:
                yield device, right

    # -- making ----------------------------------------------------------------------------------

    def _feed(self) -> None:
        """Fold the events that the held ledger covers."""
        feeding = Feeding(self._made, self._no_log, self._events, self._progress)
        feeding.run(_offsets(self._held))
        feeding.finish(self._held.ledger.partition_time)
        self._oldest = feeding.oldest

    # -- comparing -------------------------------------------------------------------------------

    def _differing(self) -> Iterator[tuple[str, bytes | None, bytes | None]]:
        """(Device, held row, right row) where they differ, at the held partition's time."""
        for device, held, made in _paired(self._held.rows(), self._made.rows()):
            if held == made:
                continue
            shown, right = self._settled(held), self._settled(made)
            if shown != right or (held and right and holds_from(held) > holds_from(right)):
                yield device, held, right

    def _settled(self, state: bytes | None) -> bytes | None:
        """A row without what is due: what is not swept yet makes no difference."""
        if state is None:
            return None
        now = self._held.ledger.partition_time or 0
        retained = retain(decode_row(state), self._retention_ms, now)
        return None if retained.is_empty else encode_row(retained.row)

    def _outcome(self, found: list[tuple[bytes | None, bytes | None]]) -> Outcome:
        missing = sum(held is None for held, _ in found)
        extra = sum(made is None for _, made in found)
        ledger = self._held.ledger
        return Outcome(
            self._held.number,
            ledger.rows,
            self._made.ledger.rows,
            len(found) - missing - extra,
            missing,
            extra,
            ledger.rows != ledger.counted,
        )

    def _require_whole_topics(self) -> None:
        """:class:`EventsMissing` unless all deleted events are older than those in rows."""
        since = (self._held.ledger.partition_time or 0) - self._retention_ms
        for topic, first in self._first.items():
            if first > 0 and self._oldest.get(topic, since + 1) > since:
                raise EventsMissing(
                    f"{topic}[{self._held.number}] begins at offset {first}, and what was deleted "
                    "before it may be younger than the retention"
                )

    def _require_read_again(self, found: Mapping[str, tuple[bytes | None, bytes | None]]) -> None:
        """:class:`EventsMissing` if a row would lose a record that the topics no longer have."""
        lost = [(device, report) for device, rows in found.items() for report in _lost(*rows)]
        for device, report in lost:
            if _place(report) in self._no_log.refused:
                raise EventsMissing(
                    f"{_told(device, report)} is refused now: the code catalogue and "
                    "FDT_DEVICE_TYPES must still take it"
                )
        for topic in self._first:
            self._require_read(topic, [each for each in lost if _place(each[1])[0] == topic])

    def _require_read(self, topic: str, lost: Sequence[tuple[str, Report]]) -> None:
        """:class:`EventsMissing` if a record that rows are to lose was not read from the topic."""
        lost = [
            (device, report) for device, report in lost if report.partition == self._held.number
        ]
        if not lost:
            return
        start = max(self._first[topic], min(report.offset for _, report in lost))
        offsets = {report.offset for _, report in lost}
        events = self._events(topic, start, self._held.ledger.next_offset(topic))
        received = {event.offset: event.timestamp for event in events if event.offset in offsets}
        for device, report in lost:
            if received.get(report.offset) != report.received_at:
                raise EventsMissing(
                    f"{_told(device, report)} is not among the events that were read: it was "
                    "deleted, or a worker that lost its place must read on to the end first"
                )

    # -- putting right ---------------------------------------------------------------------------

    def _put_right(self, rows: Mapping[str, bytes | None]) -> None:
        left = iter(rows.items())
        chunk = dict(islice(left, TRANSACTION_ROWS))
        self._held.put_right(chunk)  # no rows if only the count was wrong
        while chunk := dict(islice(left, TRANSACTION_ROWS)):
            self._held.put_right(chunk)


def _offsets(partition: Partition) -> dict[str, int]:
    return {topic: p.next_offset for topic, p in partition.ledger.positions.items()}


def _place(report: Report) -> Place:
    return Source(report.source).topic, report.partition, report.offset


def _lost(held: bytes | None, made: bytes | None) -> list[Report]:
    """Records of the held row that the rebuilt one does not have."""
    has = {(report.identity, _place(report)) for report in _reports(made)}
    return [report for report in _reports(held) if (report.identity, _place(report)) not in has]


def _reports(state: bytes | None) -> list[Report]:
    return [] if state is None else reports_of(decode_row(state))


def _told(device: str, report: Report) -> str:
    topic, number, offset = _place(report)
    return f"{topic}[{number}] offset {offset}, which the row of {device} holds,"


def _paired(
    one: Iterator[tuple[str, bytes]], other: Iterator[tuple[str, bytes]]
) -> Iterator[tuple[str, bytes | None, bytes | None]]:
    """The rows of two tables, each in order, paired by device."""
    sided = merge(((d, 0, s) for d, s in one), ((d, 1, s) for d, s in other))
    for device, both in groupby(sided, key=itemgetter(0)):
        found = {side: state for _, side, state in both}
        yield device, found.get(0), found.get(1)
