"""Partition time (design §7): the broker's time, as far as the source topics of a partition number
have been read. Nothing here asks a clock of this machine.

It is the least received time read so far, over the source topics; a topic that is read to its end
counts as the broker's present, which the log-append time of our own last control record tells.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from processor.batch import Batch
from processor.partition.ledger import Position


@dataclass(slots=True)
class Clock:
    """What is known of the time in one partition number; times are milliseconds since 1970 UTC."""

    broker: int | None = None
    """Log-append time of our own last control record."""
    read: dict[str, int] = field(default_factory=dict)
    """Source topic -> received time of the last record that was read."""

    def with_batch(self, batch: Batch) -> dict[str, int]:
        """What is read of the topics once a batch is."""
        return self.read | {f.topic: f.records[-1].timestamp for f in batch.frames if f.records}

    def partition_time(
        self,
        known: int | None,
        positions: Mapping[str, Position],
        ends: Mapping[str, int],
        read: Mapping[str, int],
    ) -> int | None:
        """The time with ``read`` of the topics; never before ``known``, and none while a topic
        tells nothing."""
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
