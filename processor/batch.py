"""What the transport hands over: for one partition number, all that one fetch brought."""

from __future__ import annotations

from collections.abc import Sequence
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
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """Its headers, in order."""
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
