"""What a partition asks the broker of the topics themselves, and what stops it from folding."""

from __future__ import annotations

from typing import Protocol

from processor.partition.ledger import SourceLog


class TopicsDiffer(RuntimeError):
    """The source topics and the status topic differ in their number of partitions, or one is
    missing: nothing can be placed until that is put right, and nothing is lost meanwhile."""


class Topics(Protocol):
    """What the broker says of the topics themselves; ``LogUnavailable`` while it says nothing."""

    def ids(self) -> dict[str, str]:
        """Topic -> id, of the source topics and the status topic: a topic made anew has another."""

    def require_fit(self) -> None:
        """:class:`TopicsDiffer` if a record's partition does not tell where it belongs now."""

    def sources(self, number: int) -> dict[str, SourceLog]:
        """Every source topic in a partition number."""

    def tombstones_kept_ms(self) -> int:
        """How long the status topic keeps a tombstone: an older store may have missed one."""
        ...
