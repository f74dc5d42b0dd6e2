"""Stores as folders: what is set aside is kept, within bounds; what is full is not written to."""

from __future__ import annotations

from pathlib import Path

import pytest

from processor.stores import ASIDE_KEPT, FolderStores
from storage.rocks import Memory


def test_what_is_set_aside_is_kept_and_the_oldest_goes(tmp_path: Path) -> None:
    """Whoever asks why finds the latest ones; the disk is not filled with them."""
    stores = FolderStores(tmp_path, Memory(8), 0)
    for number in range(ASIDE_KEPT + 2):
        store = stores.open(0)
        store.write({b"n": str(number).encode()})
        store.close()
        stores.set_aside(0, "a test")
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [f"partition-0.aside-{n}" for n in (3, 4, 5)]
    fresh = stores.open(0)
    assert fresh.get(b"n") is None
    fresh.close()


def test_a_disk_that_is_too_full_takes_no_further_batch(tmp_path: Path) -> None:
    """The error says how much is free and how much is needed."""
    FolderStores(tmp_path, Memory(8), 1).require_room()
    with pytest.raises(OSError, match=r"MiB are free and \d+ are needed: make room"):
        FolderStores(tmp_path, Memory(8), 1 << 40).require_room()
