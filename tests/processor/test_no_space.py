"""No room for one kind of write at a time, said by the kernel: the processor ends, nothing is lost.

Real RocksDB, real notes, the real partition in a process of its own; only the log is a file.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from processor.stores import FolderStores
from projections.rows import decode_row, reports_of
from schemas.topics import CONTROL_KEY, STATUS
from storage.rocks import Memory
from tests.processor import fold_on_disk
from tests.processor.fold_on_disk import BATCH, CODEC, EVENTS, fold_all, partition_of, transactions
from tests.simulation.broker import SimulatedLog
from tests.simulation.disk import Disk, NothingNoted, SimulatedStores
from tests.support.no_space import FullFor, run, unsupported

pytestmark = pytest.mark.skipif(unsupported() is not None, reason=str(unsupported()))

_FOLDS, _FLUSHES, _COMPACTS = "main", "rocksdb:high", "rocksdb:low"
"""The threads that write."""
_WAL: Final = r"partition-0/\d{6}\.log$"
_TABLE: Final = r"partition-0/\d{6}\.sst$"
_MANIFEST: Final = r"partition-0/MANIFEST-\d{6}$"

AT_ONCE: Final = {
    "the note of what is in hand": FullFor("openat", r"\.in-hand$", _FOLDS, 4),
    "what the note says": FullFor("write", r"\.in-hand$", _FOLDS, 4),
    "what is appended to the write-ahead log": FullFor("write", _WAL, _FOLDS, 8),
    "the next write-ahead log": FullFor("openat", _WAL, _FOLDS, 1),
    "on opening: the table made of the write-ahead log": FullFor("write", _TABLE, _FOLDS),
    "on opening: the write-ahead log": FullFor("openat", _WAL, _FOLDS),
    "on opening: the manifest": FullFor("write", _MANIFEST, _FOLDS),
    "on opening: the name of the manifest": FullFor("rename", r"/CURRENT$", _FOLDS),
}
"""Writes by the thread that folds."""
BEHIND: Final = {
    "the table made of a full memtable": FullFor("openat", _TABLE, _FLUSHES),
    "what stands in that table": FullFor("write", _TABLE, _FLUSHES),
    "its sync": FullFor("fdatasync", _TABLE, _FLUSHES),
    "the sync of the folder": FullFor("fsync", r"partition-0$", _FLUSHES),
    "what is appended to the manifest": FullFor("write", _MANIFEST, _FLUSHES),
    "the sync of the manifest": FullFor("fdatasync", _MANIFEST, _FLUSHES),
    "the table that a compaction makes": FullFor("openat", _TABLE, _COMPACTS),
    "what stands in it": FullFor("write", _TABLE, _COMPACTS),
    "the sync of it": FullFor("fdatasync", _TABLE, _COMPACTS),
}
"""Writes by RocksDB's own threads, of which the fold hears later."""
ANEW: Final = {
    "the name under which it is set aside": FullFor("rename", r"\.aside-1$", _FOLDS),
    "the folder": FullFor("mkdir", r"/partition-0$", _FOLDS),
    "the first file": FullFor("openat", r"partition-0/", _FOLDS),
    "the first manifest": FullFor("write", _MANIFEST, _FOLDS),
    "what is read from the log again": FullFor("write", _WAL, _FOLDS, 3),
}
"""Writes of a store that is made anew after the old one was set aside."""


@pytest.fixture(scope="module")
def half_full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that a worker left when it had folded part of the events, without closing it.

    A write-ahead log of it holds records: where all of them were flushed, nothing is made of one
    on opening. When RocksDB flushes is its own affair, so a later write is tried then.
    """
    for writes in range(20, 26):
        folder = tmp_path_factory.mktemp("half")
        ended = run(
            ["-m", "tests.processor.fold_on_disk", str(folder)],
            FullFor("write", _WAL, _FOLDS, writes),
            lambda: None,
        )
        assert ended.refused, ended.told
        if any(log.stat().st_size for log in folder.glob("partition-0/*.log")):
            return folder
    raise AssertionError("every write-ahead log was left empty")


@pytest.fixture
def folder(half_full: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(half_full, tmp_path / "worker")


@pytest.fixture(scope="module")
def expected() -> dict[bytes, bytes]:
    """The fold of all events, in memory, by a worker to which nothing happens."""
    disk = Disk()
    log = SimulatedLog(fold_on_disk.broker_of(()), 0)
    fold_all(partition_of(SimulatedStores(disk), log, NothingNoted()), log)
    return dict(disk.folders[0].content().scan(b"d"))


@pytest.mark.parametrize("kind", AT_ONCE)
def test_the_fold_ends_at_the_write_that_finds_no_room(
    kind: str, folder: Path, expected: dict[bytes, bytes]
) -> None:
    """Nothing is committed after it; with room again, the same folder is gone on from."""
    assert folded_until_full(folder, AT_ONCE[kind]) == 0
    require_gone_on_from(folder, expected)


@pytest.mark.parametrize("kind", BEHIND)
def test_the_fold_ends_when_rocksdb_finds_no_room_behind_it(
    kind: str, folder: Path, expected: dict[bytes, bytes]
) -> None:
    """It ends long before the last event, though RocksDB itself would go on after some of them."""
    folded_until_full(folder, BEHIND[kind])
    assert len(transactions(folder)) < EVENTS // BATCH
    require_gone_on_from(folder, expected)


@pytest.mark.parametrize("kind", ANEW)
def test_a_store_that_cannot_be_made_anew_is_made_when_there_is_room(
    kind: str, folder: Path, expected: dict[bytes, bytes]
) -> None:
    """Set aside, and no room for the new one: the log still has all of it."""
    (folder / "partition-0" / "CURRENT").unlink()
    assert folded_until_full(folder, ANEW[kind]) == 0
    finish(folder)
    require_whole(folder, expected)


def folded_until_full(folder: Path, full: FullFor) -> int:
    """Fold until a kind of write finds no room; transactions committed after the first of them."""
    before: list[int] = []
    ended = run(
        ["-m", "tests.processor.fold_on_disk", str(folder)],
        full,
        lambda: before.append(len(transactions(folder))),
    )
    assert ended.refused, f"there was no such write: {ended.told}"
    assert ended.code == 1, "it went on as if nothing had happened"
    assert "\nOSError: " in ended.told, ended.told
    return len(transactions(folder)) - before[0]


def finish(folder: Path) -> None:
    """Fold the rest in a fresh process, with room."""
    subprocess.run(
        [sys.executable, "-m", "tests.processor.fold_on_disk", str(folder)], check=True, timeout=60
    )


def require_gone_on_from(folder: Path, expected: dict[bytes, bytes]) -> None:
    """With room again the same folder is gone on from, and nothing is lost."""
    finish(folder)
    require_whole(folder, expected)
    assert not list(folder.glob("*.aside-*"))


def require_whole(folder: Path, expected: dict[bytes, bytes]) -> None:
    """Table and log are the fold of all events, each counted once, and no row ever went back."""
    store = FolderStores(folder, memory=Memory(4), least_free_mb=0).open(0)
    assert dict(store.scan(b"d")) == expected
    store.close()
    held: dict[bytes, bytes] = {}
    counts: dict[str, int] = {}
    for record in (r for records in transactions(folder) for r in records):
        assert record.topic == STATUS
        assert record.key is not None
        assert record.value is not None
        if record.key == CONTROL_KEY:
            counts = CODEC.decode("ProcessorControl", record.value)["counts"]
            continue
        state = CODEC.decode("FirmwareStatus", record.value)["state"]
        before = held.get(b"d" + record.key)
        assert before is None or identities(before) <= identities(state)
        held[b"d" + record.key] = state
    assert held == expected
    assert counts == {"read": EVENTS, "folded": EVENTS, "dead_lettered": 0}


def identities(state: bytes) -> set[bytes]:
    """The records in a row."""
    return {report.identity for report in reports_of(decode_row(state))}
