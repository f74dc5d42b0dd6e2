"""A status log that stores nothing, for the partitions of :mod:`processor.rebuild`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from processor.partition.status_log import Appended, Logged, Outgoing
from schemas import headers
from schemas.topics import DEAD_LETTERS

Place = tuple[str, int, int]
"""Topic, partition, offset."""


@dataclass
class NoLog:
    """A log that stores nothing; ``now`` is the broker's time, in milliseconds."""

    now: int = 0
    refused: set[Place] = field(default_factory=set)
    """Places of the records that became dead letters."""

    def fence(self) -> None:
        """Does nothing: there is no other owner."""

    def bounds(self) -> tuple[int, int]:
        """The bounds of an empty log."""
        return 0, 0

    def read(self, start: int, end: int) -> Iterator[list[Logged]]:
        """No records."""
        return iter(())

    def append(self, records: Sequence[Outgoing]) -> Appended:
        """Drop the records, and note the dead letters: they were written when the events were first
        read."""
        self.refused.update(_place_of(letter) for letter in records if letter.topic == DEAD_LETTERS)
        return Appended(0, self.now)

    def close(self) -> None:
        """Does nothing."""


def _place_of(letter: Outgoing) -> Place:
    """The original place of a dead letter."""
    told: dict[str, Any] = dict(letter.headers or ())
    number, offset = (int(told[name]) for name in (headers.DL_PARTITION, headers.DL_OFFSET))
    return told[headers.DL_TOPIC].decode(), number, offset
