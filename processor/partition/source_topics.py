"""Port: metadata of the topics that a partition needs; :mod:`processor.topics` implements it."""

from __future__ import annotations

from typing import Protocol

from processor.partition.ledger import SourceLog


class TopicsDiffer(RuntimeError):
    """A topic is missing, or the numbers of partitions differ: folding waits until that is
    corrected, and nothing is lost meanwhile."""


class Topics(Protocol):
    """Metadata of the topics; ``LogUnavailable`` while the broker does not answer."""

    def ids(self) -> dict[str, str]:
        """Topic -> topic ID, of the source topics and the status topic."""

    def require_fit(self) -> None:
        """:class:`TopicsDiffer` if the partition of a record is not that of its row now."""

    def sources(self, number: int) -> dict[str, SourceLog]:
        """Source topic -> its ID and offsets in a partition number."""

    def tombstones_kept_ms(self) -> int:
        """How long the status topic keeps a tombstone: an older store may have missed one."""
        ...
