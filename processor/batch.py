"""What the transport hands over: for one partition number, all that one fetch brought."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


class SourceRecord(Protocol):
    """A consumed record, as the Kafka client gives it."""

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
        """Received time by the broker, milliseconds since 1970 UTC."""
        ...

    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]:
        """Its headers, in order; one may have no value."""
        ...


@dataclass(frozen=True, slots=True)
class Frame:
    """Consecutive records of one source topic.

    Offsets may have holes (markers, deleted records), so a frame says itself where it begins: at
    ``start``, where the one before it ended. A frame that begins elsewhere shows that one was lost.
    """

    topic: str
    start: int
    records: Sequence[SourceRecord]
    again: bool = False
    """The broker had nothing at the position any more (it lost records, or the topic is another),
    and the client went back to where the topic begins: what follows is to be folded again."""

    @property
    def next_offset(self) -> int:
        """Where the next frame begins."""
        return self.records[-1].offset + 1 if self.records else self.start


@dataclass(frozen=True, slots=True)
class Batch:
    """The frames of one fetch for one partition number."""

    partition: int
    frames: Sequence[Frame]
    ends: dict[str, int]
    """End offset of each source topic of this partition number, as last seen by the fetches."""
    assignment: int = 0
    """The assignment under which it was fetched: it counts under no other."""

    def __len__(self) -> int:
        """Its records."""
        return sum(len(frame.records) for frame in self.frames)


Place = tuple[str, int]
"""A source topic and a partition number."""


class Chain:
    """Where the next frame of every source partition begins."""

    def __init__(self) -> None:
        self._next: dict[Place, int] = {}

    def begin(self, positions: Mapping[Place, int]) -> None:
        """Everything begins anew at ``positions``."""
        self._next = dict(positions)

    def next(self, topic: str, number: int) -> int:
        """Where the next frame of a source partition begins."""
        return self._next[topic, number]

    def __iter__(self) -> Iterator[Place]:
        return iter(self._next)

    def batches(
        self, records: Mapping[Place, Sequence[SourceRecord]]
    ) -> list[tuple[int, list[Frame]]]:
        """The frames of one fetch by partition number."""
        by_number: dict[int, list[Frame]] = defaultdict(list)
        for (topic, number), found in records.items():
            first = found[0].offset
            start = self._next.get((topic, number), first)
            frame = Frame(topic, min(start, first), found, first < start)
            by_number[number].append(frame)
            self._next[topic, number] = frame.next_offset
        return list(by_number.items())
