"""A log that keeps nothing, for partitions that are made anew by :mod:`processor.rebuild`."""

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
    """A log that keeps nothing; ``now`` is its broker's time, in milliseconds."""

    now: int = 0
    refused: set[Place] = field(default_factory=set)
    """Where the records stand that became dead letters."""

    def fence(self) -> None:
        """There is nobody else."""

    def bounds(self) -> tuple[int, int]:
        """Nothing is in it."""
        return 0, 0

    def read(self, start: int, end: int) -> Iterator[list[Logged]]:
        """Nothing."""
        return iter(())

    def append(self, records: Sequence[Outgoing]) -> Appended:
        """Taken and dropped: the dead letters were written when the events were first read."""
        self.refused.update(_place_of(letter) for letter in records if letter.topic == DEAD_LETTERS)
        return Appended(0, self.now)

    def close(self) -> None:
        """Nothing to release."""


def _place_of(letter: Outgoing) -> Place:
    """Where the record of a dead letter stands."""
    told: dict[str, Any] = dict(letter.headers or ())
    number, offset = (int(told[name]) for name in (headers.DL_PARTITION, headers.DL_OFFSET))
    return told[headers.DL_TOPIC].decode(), number, offset
