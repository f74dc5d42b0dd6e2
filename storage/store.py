"""The interface of a local store, for processor and read side; and a store in memory.

Keys and values are bytes; keys are in byte order. A write is atomic: all of a batch or none of it.
"""

from __future__ import annotations

import logging
from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Final, Protocol

logger = logging.getLogger(__name__)

MEMORY_MB: Final = 192
"""Megabytes that the stores of a process share: enough for four partitions at full rate."""
WORTH_GIVING_BACK: Final = 5_000
"""Deleted rows whose disk space is worth a flush."""


class StoreDamaged(OSError):
    """The store's bytes are wrong: set it aside and rebuild it from the log."""


class Reading(Protocol):
    """Reads of one moment."""

    def get(self, key: bytes) -> bytes | None:
        """The value of a key, or none."""

    def scan(self, prefix: bytes, start: bytes | None = None) -> Iterator[tuple[bytes, bytes]]:
        """Pairs whose key begins with ``prefix``, in key order, from ``start`` (included) on."""


class Store(Reading, Protocol):
    """A store that can be written to; errors of the disk are ``OSError``."""

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values of ``keys``, in their order."""

    def write(self, changes: Mapping[bytes, bytes | None]) -> None:
        """One atomic batch: a value puts its key, none deletes it."""

    def require_sound(self) -> None:
        """``OSError`` if what was written before could not be put in order on the disk since."""

    def snapshot(self) -> AbstractContextManager[Reading]:
        """Reads that do not see later writes."""

    def figures(self) -> Mapping[str, float]:
        """Sizes and states of the store, by name; empty once it is closed. Safe for any thread."""

    def give_back(self) -> None:
        """After many deletions: begin to give their disk space back. Returns at once."""

    def close(self) -> None:
        """Release the files; the store cannot be used afterwards."""


def give_up(store: Store) -> None:
    """Close a damaged store that is to be set aside.

    RocksDB reports the damage again on closing when a compaction met it first; that is only logged.
    """
    try:
        store.close()
    except StoreDamaged as error:
        logger.warning("closed with an error: %s", error)


class MemoryStore:
    """A store in memory, for fast tests of crashes and of the order of writes."""

    def __init__(self, content: Mapping[bytes, bytes] | None = None) -> None:
        self._values = dict(content or {})
        self._keys = sorted(self._values)

    def get(self, key: bytes) -> bytes | None:
        """The value of a key, or none."""
        return self._values.get(key)

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values of ``keys``, in their order."""
        return [self._values.get(key) for key in keys]

    def scan(self, prefix: bytes, start: bytes | None = None) -> Iterator[tuple[bytes, bytes]]:
        """Pairs whose key begins with ``prefix``, from ``start`` on."""
        for key in self._keys[bisect_left(self._keys, max(prefix, start or b"")) :]:
            if not key.startswith(prefix):
                return
            yield key, self._values[key]

    def write(self, changes: Mapping[bytes, bytes | None]) -> None:
        """One atomic batch."""
        for key, value in changes.items():
            if value is not None:
                if key not in self._values:
                    insort(self._keys, key)
                self._values[key] = value
            elif self._values.pop(key, None) is not None:
                del self._keys[bisect_left(self._keys, key)]

    def require_sound(self) -> None:
        """There is no disk."""

    def snapshot(self) -> AbstractContextManager[Reading]:
        """A copy of what is held now."""
        return nullcontext(MemoryStore(self._values))

    def figures(self) -> Mapping[str, float]:
        """There is no disk."""
        return {}

    def give_back(self) -> None:
        """There is no disk."""

    def close(self) -> None:
        """Nothing to release."""
