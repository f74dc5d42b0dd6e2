"""RocksDB and its in-memory twin answer alike, and damage is told."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import suppress
from os import urandom
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.rocks import Memory, RocksStore
from storage.store import MemoryStore, Store, StoreDamaged, give_up


@pytest.fixture(params=["memory", "rocks"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Both implementations."""
    opened: Store = MemoryStore() if request.param == "memory" else RocksStore(tmp_path / "db")
    yield opened
    opened.close()


def test_a_batch_puts_and_deletes_at_once(store: Store) -> None:
    """A value puts its key, none deletes it."""
    store.write({b"a": b"1", b"b": b"2"})
    store.write({b"a": None, b"c": b"3", b"absent": None})
    assert store.get_many([b"a", b"b", b"c"]) == [None, b"2", b"3"]
    assert store.get(b"b") == b"2"
    assert store.get_many([]) == []


def test_a_scan_keeps_to_its_prefix_and_begins_where_asked(store: Store) -> None:
    """Keys are in byte order."""
    store.write(dict.fromkeys((b"a", b"ba", b"bb", b"bc", b"c"), b"v"))
    assert [key for key, _ in store.scan(b"b")] == [b"ba", b"bb", b"bc"]
    assert [key for key, _ in store.scan(b"b", b"bb")] == [b"bb", b"bc"]
    assert list(store.scan(b"x")) == []


def test_a_snapshot_does_not_see_later_writes(store: Store) -> None:
    """Gets and scans of one snapshot agree, also when they are mixed."""
    store.write({b"a": b"1", b"b": b"1", b"d": b"1"})
    with store.snapshot() as reading:
        store.write({b"a": None, b"b": b"2", b"c": b"3"})
        assert [(key, reading.get(b"b")) for key, _ in reading.scan(b"")] == [
            (b"a", b"1"),
            (b"b", b"1"),
            (b"d", b"1"),
        ]
        assert reading.get(b"c") is None
    assert store.get(b"b") == b"2"


def test_what_was_written_is_there_after_reopening(tmp_path: Path) -> None:
    """One process at a time has the store open, and the error says where it is."""
    first = RocksStore(tmp_path / "db")
    first.write({b"k": b"v"})
    with pytest.raises(OSError, match="db"):
        RocksStore(tmp_path / "db")
    first.close()
    second = RocksStore(tmp_path / "db")
    assert second.get(b"k") == b"v"
    second.close()


@pytest.mark.parametrize("is_new", [True, False], ids=["new", "opened again"])
def test_the_space_of_deleted_rows_comes_back(tmp_path: Path, is_new: bool) -> None:
    """All but all of it, a moment after it was asked for."""
    store = RocksStore(tmp_path / "db", write_buffer_mb=1)
    if not is_new:
        store.close()
        store = RocksStore(tmp_path / "db", write_buffer_mb=1)
    rows = {f"{n:05}".encode(): random.Random(n).randbytes(500) for n in range(20_000)}
    store.write(rows)
    full = size_of(tmp_path / "db")
    store.write(dict.fromkeys(rows))
    store.give_back()
    deadline = time.monotonic() + 60
    while size_of(tmp_path / "db") > full / 20:
        assert time.monotonic() < deadline, f"{size_of(tmp_path / 'db')} of {full} bytes"
        time.sleep(0.1)
    assert list(store.scan(b"")) == []
    store.close()


def filled(path: Path, memory: Memory) -> None:
    """A database of 40 MB in files."""
    store = RocksStore(path, memory=memory)
    for part in range(20):
        numbers = range(part * 2_000, (part + 1) * 2_000)
        store.write({b"%06d" % n: random.Random(n).randbytes(1_000) for n in numbers})
    store.close()


def test_a_database_that_is_opened_again_has_the_memory_it_is_given(tmp_path: Path) -> None:
    """Its cache, not that of its own options file; what is not in files yet counts against it."""
    filled(tmp_path / "db", Memory(48))
    memory = Memory(48)
    store = RocksStore(tmp_path / "db", memory=memory)
    assert store._db.property_int_value("rocksdb.block-cache-capacity") == 48 << 20
    before = memory.cache.get_usage()
    assert len(store.get_many([b"%06d" % n for n in range(0, 40_000, 4)])) == 10_000
    assert memory.cache.get_usage() - before > 10 << 20
    store.write({b"%06d" % n: random.Random(n).randbytes(1_000) for n in range(8_000)})
    assert memory.writes.get_usage() > 6 << 20
    store.close()


def test_a_read_fetches_little(tmp_path: Path) -> None:
    """A block, and of index and filter only what leads to it: not all of them each time."""
    filled(tmp_path / "db", Memory(8))
    store = RocksStore(tmp_path / "db", memory=Memory(8))
    rng, before = random.Random(1), fetched()
    for _ in range(500):
        assert store.get(b"%06d" % rng.randrange(40_000)) is not None
    assert (fetched() - before) / 500 < 16_384
    with store.snapshot() as reading:
        before = fetched()
        for _ in range(500):
            assert reading.get(b"%06d" % rng.randrange(40_000)) is not None
        assert (fetched() - before) / 500 < 16_384
    store.close()


def fetched() -> int:
    """Bytes that this process has read."""
    text = Path("/proc/self/io").read_text(encoding="ascii")
    return int(text.partition("rchar:")[2].split()[0])


@pytest.mark.timeout(120)
def test_what_rocksdb_says_of_itself_does_not_grow_without_end(tmp_path: Path) -> None:
    """Its log begins anew at 1 MiB, and the one before the last is gone."""
    store, rolled = RocksStore(tmp_path / "db"), set[Path]()
    while len(rolled) < 2:
        store.write({b"k": b"v"})
        store.give_back()
        rolled.update((tmp_path / "db").glob("LOG.old.*"))
    store.close()
    logs = list((tmp_path / "db").glob("LOG*"))
    assert len(logs) == 2
    assert sum(log.stat().st_size for log in logs) < 2.5 * 2**20


def write_until_compacted(store: RocksStore) -> None:
    """Table files enough for a compaction, which reads all that is there."""
    for _ in range(10):
        store.write({f"k{i:03}-9".encode(): urandom(500) for i in range(50)})
        store._db.flush()


def flip_a_byte(table: Path) -> None:
    """Somewhere in its blocks."""
    data = bytearray(table.read_bytes())
    data[len(data) // 3] ^= 0xFF
    table.write_bytes(bytes(data))


def size_of(folder: Path) -> int:
    """Bytes on disk; files come and go while RocksDB compacts."""
    sizes = 0
    for file in folder.iterdir():
        with suppress(FileNotFoundError):
            sizes += file.stat().st_size
    return sizes


def test_a_damaged_block_is_told_by_get_and_by_scan(tmp_path: Path) -> None:
    """A flipped byte never reads as an absent or shorter table."""
    store = RocksStore(tmp_path / "db")
    store.write({f"k{n:05}".encode(): bytes([n % 251]) * 200 for n in range(5_000)})
    store.close()
    RocksStore(tmp_path / "db").close()  # the log becomes a table file
    flip_a_byte(max((tmp_path / "db").glob("*.sst"), key=lambda path: path.stat().st_size))
    with pytest.raises(StoreDamaged, match="damaged"):
        read_all(tmp_path / "db")


def test_a_store_that_a_compaction_found_damaged_can_be_made_anew_in_its_place(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """RocksDB fails to close it, and its lock must be free all the same."""
    folder = tmp_path / "db"
    for n in range(2):
        store = RocksStore(folder)
        store.write({f"k{i:03}-{n}".encode(): urandom(500) for i in range(500)})
        store.close()
    flip_a_byte(min(folder.glob("*.sst")))
    store = RocksStore(folder)
    with pytest.raises(Exception, match=r"Corruption|damaged|LOG says why"):
        write_until_compacted(store)
    give_up(store)
    assert "closed with an error" in caplog.text
    folder.rename(tmp_path / "aside")
    RocksStore(folder).close()


def test_a_store_without_its_current_file_is_damaged_and_stays_as_it_is(tmp_path: Path) -> None:
    """RocksDB by itself would begin anew, and clear the old files away."""
    store = RocksStore(tmp_path / "db")
    store.write({b"k": b"v"})
    store.close()
    RocksStore(tmp_path / "db").close()
    (tmp_path / "db" / "CURRENT").unlink()
    before = sorted(path.name for path in (tmp_path / "db").iterdir())
    with pytest.raises(StoreDamaged, match="CURRENT"):
        RocksStore(tmp_path / "db")
    assert sorted(path.name for path in (tmp_path / "db").iterdir()) == before


def test_a_table_file_that_is_gone_is_damage(tmp_path: Path) -> None:
    """Not an error of the disk, to be tried again."""
    store = RocksStore(tmp_path / "db")
    store.write({b"k": b"v"})
    store.close()
    RocksStore(tmp_path / "db").close()
    for table in (tmp_path / "db").glob("*.sst"):
        table.unlink()
    with pytest.raises(StoreDamaged):
        read_all(tmp_path / "db")


def test_a_stale_lock_file_locks_nobody_out(tmp_path: Path) -> None:
    """The lock is the kernel's; the file of a killed process is only a file."""
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "LOCK").write_bytes(b"")
    RocksStore(tmp_path / "db").close()


def read_all(path: Path) -> int:
    """Open a store and count what is in it."""
    return sum(1 for _ in RocksStore(path).scan(b"k"))


@given(
    st.lists(st.dictionaries(st.binary(max_size=3), st.none() | st.binary(max_size=3), max_size=6)),
    st.binary(max_size=2),
)
def test_the_twin_is_a_sorted_dictionary(
    batches: list[dict[bytes, bytes | None]], prefix: bytes
) -> None:
    """The in-memory store is what tests of crashes rest on."""
    twin, model = MemoryStore(), dict[bytes, bytes]()
    for batch in batches:
        twin.write(batch)
        for key, value in batch.items():
            if value is None:
                model.pop(key, None)
            else:
                model[key] = value
    assert list(twin.scan(prefix)) == sorted(i for i in model.items() if i[0].startswith(prefix))


def test_a_store_tells_how_it_fares_and_nothing_once_it_is_closed(tmp_path: Path) -> None:
    """Whoever asks need not know that it is being closed."""
    store = RocksStore(tmp_path, memory=Memory(16))
    store.write({b"key": b"value" * 1_000})
    found = store.figures()
    assert found["memtables"] > 5_000
    assert found["cache_room"] == 16 * 1024 * 1024
    assert (found["stopped"], found["errors"]) == (0, 0)
    store.close()
    assert store.figures() == {}
    assert MemoryStore().figures() == {}
