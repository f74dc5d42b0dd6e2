"""Opens the view's folder: a view that fits the log is continued, any other is set aside.

A view is derived data: in doubt it is rebuilt from the topic. :mod:`query_api.view.feed` calls it.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from query_api.view.layout import META_KEY, Meta, PartitionMark, decode_meta
from query_api.view.status_view import View
from storage.rocks import Memory, RocksStore
from storage.store import Store, StoreDamaged, give_up

logger = logging.getLogger(__name__)

_CONDEMNED: Final = "SET-ASIDE"
"""File in a view's folder that says why the next start must not continue it."""

OpenStore = Callable[[Path], Store]


class ViewInUse(OSError):
    """Another process has the view open."""


@dataclass(frozen=True, slots=True)
class LogFacts:
    """The state of the status topic at the broker, by partition number."""

    topic_id: str
    first: dict[int, int]
    """First offset that the log still has."""
    end: dict[int, int]
    """Offset after the last committed record."""
    newest: dict[int, int]
    """Log-append time of the newest record in milliseconds; empty partitions are left out."""
    broker_ms: int
    """Newest log-append time of the status topic and the event topics in milliseconds, 0 if all are
    empty. It gives the broker's time even if the processor has been down for long."""
    tombstones_kept_ms: int
    """How long the topic keeps a tombstone (``delete.retention.ms``)."""

    @property
    def meta(self) -> Meta:
        """The meta record of a new view of this topic."""
        return Meta(self.topic_id, len(self.end))


def rocks(memory_mb: int) -> OpenStore:
    """Opens RocksDB stores, which use ``memory_mb`` MiB of memory together."""
    memory = Memory(memory_mb)
    return lambda path: RocksStore(path, memory=memory)


def open_view(folder: Path, facts: LogFacts, open_store: OpenStore) -> View:
    """The view in ``folder``, ready to be continued from its offsets.

    A view that is damaged, marked by :func:`condemn`, of another layout or topic, or at offsets
    that the log no longer covers is renamed to ``<folder>.aside`` (replacing the one there), and a
    new one is created. Raises :class:`ViewInUse`, or ``OSError`` of the disk.
    """
    try:
        view, why = _held(folder, facts, open_store), "no view yet"
    except _Unfit as unfit:
        view, why = None, str(unfit)
        _set_aside(folder, why)
    if view is None:
        logger.info("new view in %s: %s", folder, why)
        view = View.create(_open(folder, open_store), facts.meta)
    return view


def condemn(folder: Path, why: str) -> None:
    """Mark a view so that the next start sets it aside: a read found it damaged."""
    (folder / _CONDEMNED).write_text(why, encoding="utf-8")


class _Unfit(Exception):
    """Why a view cannot be continued."""


def _held(folder: Path, facts: LogFacts, open_store: OpenStore) -> View | None:
    if not folder.exists() or not any(folder.iterdir()):
        return None
    condemned = folder / _CONDEMNED
    if condemned.exists():
        raise _Unfit(condemned.read_text(encoding="utf-8"))
    try:
        store = _open(folder, open_store)
    except StoreDamaged as error:
        raise _Unfit(str(error)) from error
    try:
        return _checked(store, facts)
    except _Unfit:
        give_up(store)
        raise


def _checked(store: Store, facts: LogFacts) -> View | None:
    """The view in an open store; ``None`` if the store is empty. Raises :class:`_Unfit`."""
    try:
        stored = store.get(META_KEY)
        if stored is None and next(store.scan(b""), None) is None:
            store.close()
            return None
        meta = None if stored is None else decode_meta(stored)
        if meta != facts.meta:
            raise _Unfit(f"it was made from {meta}, and the topic is {facts.meta}")
        view = View(store)
        for partition, mark in view.marks().items():
            _check_mark(partition, mark, facts)
    except (StoreDamaged, msgspec.DecodeError) as error:
        raise _Unfit(f"it cannot be read: {error}") from error
    return view


def _check_mark(partition: int, mark: PartitionMark, facts: LogFacts) -> None:
    first, end = facts.first[partition], facts.end[partition]
    if mark.next_offset and not first <= mark.next_offset <= end:
        raise _Unfit(
            f"it stands at offset {mark.next_offset} of partition {partition}, "
            f"and the log goes from {first} to {end}"
        )
    away_ms = facts.newest.get(partition, 0) - (mark.seen_at or 0)
    if mark.seen_at is not None and away_ms >= facts.tombstones_kept_ms:
        raise _Unfit(
            f"it is {away_ms} ms behind in partition {partition}, and tombstones are kept for "
            f"{facts.tombstones_kept_ms} ms: some may be gone"
        )


def _open(folder: Path, open_store: OpenStore) -> Store:
    try:
        return open_store(folder)
    except StoreDamaged:
        raise
    except OSError as error:
        if "lock" in str(error).lower():
            raise ViewInUse(
                f"The view in {folder} is open in another process: stop that one, or give this one "
                "a folder of its own."
            ) from error
        raise


def _set_aside(folder: Path, why: str) -> None:
    aside = folder.with_name(f"{folder.name}.aside")
    if aside.exists():
        shutil.rmtree(aside)
    folder.rename(aside)
    logger.warning(
        "the view in %s is rebuilt: %s; the old one is kept as %s", folder, why, aside.name
    )
