"""The partitions' stores as folders of one worker: ``<folder>/partition-<n>``."""

from __future__ import annotations

import errno
import logging
import shutil
from pathlib import Path
from typing import Final

from runtime.logs.fields import about
from storage.rocks import Memory, RocksStore
from storage.store import Store

logger = logging.getLogger(__name__)

ASIDE_KEPT: Final = 3
"""Folders set aside that are kept for each partition, the latest ones."""

_MIB: Final = 1024 * 1024


class FolderStores:
    """One RocksDB database for each partition number, below ``folder``. ``memory`` may be shared
    with other stores of the process."""

    def __init__(self, folder: Path, memory: Memory, least_free_mb: int) -> None:
        self._folder = folder
        self._memory = memory
        self._least_free = least_free_mb * _MIB

    def open(self, partition: int) -> Store:
        """Open or create the store; :class:`~storage.store.StoreDamaged` if it cannot be read."""
        return RocksStore(self._path(partition), memory=self._memory)

    def set_aside(self, partition: int, why: str) -> None:
        """Rename the folder and keep it for an investigation; of several the oldest is deleted."""
        path = self._path(partition)
        held = sorted(
            (int(found.suffix.removeprefix(".aside-")), found)
            for found in self._folder.glob(f"{path.name}.aside-*")
        )
        for _, old in held[: max(0, len(held) + 1 - ASIDE_KEPT)]:
            shutil.rmtree(old)
        number = held[-1][0] + 1 if held else 1
        aside = path.with_name(f"{path.name}.aside-{number}")
        path.rename(aside)
        logger.warning(
            "%s: set aside as %s, rebuilding from the log",
            why,
            aside.name,
            extra=about(partition=partition),
        )

    def require_room(self) -> None:
        """``OSError`` (``ENOSPC``) if less than ``least_free_mb`` is free, before a commit."""
        free = shutil.disk_usage(self._folder).free
        if free < self._least_free:
            raise OSError(
                errno.ENOSPC,
                f"only {free // _MIB} MiB are free and {self._least_free // _MIB} are needed: "
                "make room, then start again",
                str(self._folder),
            )

    def _path(self, partition: int) -> Path:
        return self._folder / f"partition-{partition}"
