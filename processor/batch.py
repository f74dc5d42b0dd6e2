"""The batch: all records of one fetch for one partition number.

:mod:`processor.transport.frames` makes it, and :mod:`processor.worker` processes it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


class SourceRecord(Protocol):
    """A consumed record of the Kafka client."""

    @property
    def key(self) -> bytes | None:
        """The record's key."""

    @property
    def value(self) -> bytes | None:
        """The record's value."""

    @property
    def offset(self) -> int:
        """Its offset in the partition."""
        ...

    @property
    def timestamp(self) -> int:
        """Received time by the broker's clock, milliseconds since 1970 UTC."""
        ...

    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]:
        """Its headers, in order; a value may be ``None``."""
        ...


@dataclass(frozen=True, slots=True)
class Frame:
    """Consecutive records of one source topic.

    Offsets may have gaps (transaction markers, deleted records). A frame therefore names its
    ``start``, where the previous one ended; a frame that starts elsewhere shows that one was lost.
    """

    topic: str
    start: int
    records: Sequence[SourceRecord]
    again: bool = False
    """The position no longer exists at the broker (it lost records, or the topic was created
    again), and the client went back to the topic's start: the records are to be folded again."""

    @property
    def next_offset(self) -> int:
        """Offset at which the next frame starts."""
        return self.records[-1].offset + 1 if self.records else self.start


@dataclass(frozen=True, slots=True)
class Batch:
    """The frames of one fetch for one partition number."""

    partition: int
    frames: Sequence[Frame]
    ends: dict[str, int]
    """Source topic -> end offset in this partition number, as of the last fetch."""
    assignment: int = 0
    """Number of the assignment under which it was fetched; it is dropped under any other."""

    def __len__(self) -> int:
        """Number of its records."""
        return sum(len(frame.records) for frame in self.frames)


Place = tuple[str, int]
"""A source topic and a partition number."""


class Chain:
    """Offset at which the next frame of each source partition starts."""

    def __init__(self) -> None:
        self._next: dict[Place, int] = {}

    def begin(self, positions: Mapping[Place, int]) -> None:
        """Start all source partitions at ``positions``."""
        self._next = dict(positions)

    def next(self, topic: str, number: int) -> int:
        """Offset at which the next frame of a source partition starts."""
        return self._next[topic, number]

    def __iter__(self) -> Iterator[Place]:
        return iter(self._next)

    def batches(
        self, records: Mapping[Place, Sequence[SourceRecord]]
    ) -> list[tuple[int, list[Frame]]]:
        """The frames of one fetch, by partition number."""
        by_number: dict[int, list[Frame]] = defaultdict(list)
        for (topic, number), found in records.items():
            first = found[0].offset
            start = self._next.get((topic, number), first)
            frame = Frame(topic, min(start, first), found, first < start)
            by_number[number].append(frame)
            self._next[topic, number] = frame.next_offset
        return list(by_number.items())
