"""No room for one kind of write at a time, said by the kernel: the view goes on whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from query_api.view.status_view import View
from storage.rocks import RocksStore
from storage.store import MemoryStore
from tests.query_api.apply_on_disk import BATCHES, apply_all, new_view
from tests.support.no_space import FullFor, run, unsupported

pytestmark = pytest.mark.skipif(unsupported() is not None, reason=str(unsupported()))

_COMMAND: Final = ["-m", "tests.query_api.apply_on_disk"]
KINDS: Final = {
    "what is appended to the write-ahead log": FullFor("write", r"\d{6}\.log$", "main", 20),
    "the next write-ahead log": FullFor("openat", r"\d{6}\.log$", "main", 2),
    "the table made of a full memtable": FullFor("openat", r"\.sst$", "rocksdb:high", 1),
    "what stands in that table": FullFor("write", r"\.sst$", "rocksdb:high", 1),
    "what stands in the table that a compaction makes": FullFor("write", r"\.sst$", "rocksdb:low"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_view_that_finds_no_room_stops_and_goes_on_when_there_is_some(
    kind: str, tmp_path: Path
) -> None:
    """It stops at the end of some batch; afterwards rows, index, counts and marks are those of a
    view to which nothing happened."""
    ended = run([*_COMMAND, str(tmp_path)], KINDS[kind], lambda: None)
    assert ended.refused, f"there was no such write: {ended.told}"
    assert ended.code == 1, "it went on as if nothing had happened"
    assert "\nOSError: " in ended.told, ended.told
    store = RocksStore(tmp_path / "view")
    assert 0 < View(store).next_offsets()[0] < BATCHES
    store.close()
    subprocess.run([sys.executable, *_COMMAND, str(tmp_path)], check=True, timeout=60)
    store, twin = RocksStore(tmp_path / "view"), MemoryStore()
    apply_all(new_view(twin))
    assert dict(store.scan(b"")) == dict(twin.scan(b""))
    store.close()
