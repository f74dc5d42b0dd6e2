"""Feeds a partition with events from the topics, for a rebuild or a replay.

Events come in the order of receipt and what is due is forgotten, as in a worker that reads
everything again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from heapq import merge
from itertools import islice
from typing import Final

from processor.batch import Batch, Chain, SourceRecord
from processor.partition.partition import Partition
from processor.partition.recovery import Progress
from processor.rebuild.no_log import NoLog

_BATCH: Final = 2_000

Events = Callable[[str, int, int], Iterator[SourceRecord]]
"""Committed records of a source topic, from an offset up to another (excluded)."""


class Feeding:
    """Feeds ``made``, a resumed partition that writes to ``no_log``."""

    def __init__(
        self,
        made: Partition,
        no_log: NoLog,
        events: Events,
        progress: Progress,
    ) -> None:
        self._made = made
        self._no_log = no_log
        self._events = events
        self._progress = progress
        self.oldest: dict[str, int] = {}
        """Source topic -> received time of the first record read, in milliseconds."""

    def run(self, ends: Mapping[str, int]) -> None:
        """Fold from the partition's positions up to ``ends`` (excluded)."""
        number = self._made.number
        starts = {topic: self._made.ledger.next_offset(topic) for topic in ends}
        chain, done = Chain(), 0
        chain.begin({(topic, number): first for topic, first in starts.items()})
        total = sum(ends.values()) - sum(starts.values())
        events = merge(*(self._read(topic, starts[topic], ends[topic]) for topic in ends), key=_at)
        while taken := list(islice(events, _BATCH)):
            by_place: dict[tuple[str, int], list[SourceRecord]] = defaultdict(list)
            for topic, record in taken:
                by_place[topic, number].append(record)
            self._no_log.now = _at(taken[-1])
            for _, frames in chain.batches(by_place):
                self._made.process(Batch(number, frames, dict(ends)))
            self._sweep()
            done += len(taken)
            self._progress(number, done, total)
        if done < total:  # transaction markers and deleted records take offsets too
            self._progress(number, total, total)

    def finish(self, now: int | None) -> None:
        """Forget what is due at ``now``, the partition time."""
        self._made.ledger = replace(self._made.ledger, partition_time=now)
        self._sweep()

    def _sweep(self) -> None:
        while self._made.sweep():
            pass

    def _read(self, topic: str, start: int, end: int) -> Iterator[tuple[str, SourceRecord]]:
        for record in self._events(topic, start, end):
            self.oldest.setdefault(topic, record.timestamp)
            yield topic, record


def _at(event: tuple[str, SourceRecord]) -> int:
    return event[1].timestamp
