"""The partitions' stores as folders of one worker: ``<folder>/partition-<n>``."""

from __future__ import annotations

import logging
from pathlib import Path

from storage.rocks import RocksStore
from storage.store import Store

logger = logging.getLogger(__name__)


class FolderStores:
    """One RocksDB database for each partition number, below ``folder``."""

    def __init__(self, folder: Path, block_cache_mb: int) -> None:
        self._folder = folder
        self._block_cache_mb = block_cache_mb

    def open(self, partition: int) -> Store:
        """Open or create; :class:`~storage.store.StoreDamaged` if what is there cannot be read."""
        return RocksStore(self._path(partition), block_cache_mb=self._block_cache_mb)

    def set_aside(self, partition: int, why: str) -> None:
        """Rename the folder: what is set aside is kept for whoever asks why."""
        path = self._path(partition)
        number = 1
        while (aside := path.with_name(f"{path.name}.aside-{number}")).exists():
            number += 1
        path.rename(aside)
        logger.warning("%s: set aside as %s, rebuilding from the log", why, aside.name)

    def _path(self, partition: int) -> Path:
        return self._folder / f"partition-{partition}"
