"""Partition time (design §7): the broker's time up to which all source topics of a partition number
have been read. No clock of this machine is used.

It is the least of the received times read so far, over the source topics. A topic that is read to
its end counts with the broker's present time: the log-append time of the last control record.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from processor.batch import Batch
from processor.partition.ledger import Position


@dataclass(slots=True)
class Clock:
    """The times known in one partition number, in milliseconds since 1970 UTC."""

    broker: int | None = None
    """Log-append time of the partition's last control record."""
    read: dict[str, int] = field(default_factory=dict)
    """Source topic -> received time of the last record read."""

    def with_batch(self, batch: Batch) -> dict[str, int]:
        """``read`` after a batch."""
        return self.read | {f.topic: f.records[-1].timestamp for f in batch.frames if f.records}

    def partition_time(
        self,
        known: int | None,
        positions: Mapping[str, Position],
        ends: Mapping[str, int],
        read: Mapping[str, int],
    ) -> int | None:
        """The partition time for ``read``; never before ``known``, and ``None`` while a topic has
        no time."""
        times = [
            self.broker
            if position.next_offset >= ends.get(topic, position.next_offset + 1)
            else read.get(topic, known)
            for topic, position in positions.items()
        ]
        least = min([time for time in times if time is not None], default=None)
        if least is None or None in times:
            return known
        return least if known is None else max(known, least)
