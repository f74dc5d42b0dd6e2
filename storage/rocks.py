"""The store on disk: RocksDB by rocksdict, with the options that are safe for both sides.

rocksdict's defaults give every database a block cache of 2 GiB and leave unknown options unsaid, so
what matters is set here. Errors come back as ``OSError``: :class:`~storage.store.StoreDamaged`
where the bytes are wrong, else what the disk said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, cast

from rocksdict import (
    AccessType,
    BlockBasedIndexType,
    BlockBasedOptions,
    Cache,
    DbClosedError,
    DBCompressionType,
    Options,
    Rdict,
    ReadOptions,
    WriteBatch,
    WriteBufferManager,
)

from storage.store import MEMORY_MB, Reading, StoreDamaged

_MIB: Final = 1024 * 1024
_DELETIONS: Final = (4096, 1024, 0.5)
"""A window of entries, deletions within it, and a share of all entries: a file with as many
deletions is compacted soon."""
_FOLLOWER_MB: Final = 32
_LOGS_KEPT: Final = 2
"""RocksDB's own log files, of 1 MiB each. Without a bound it would write on in one file, 8 KiB at
every flush, and let the manifest grow to 1 GiB."""
_DAMAGE: Final = ("Corruption", "Invalid argument", "No such file or directory")
"""Words in RocksDB's errors for damaged bytes, for another program's files, and for missing
files."""

_FIGURES: Final = {
    "files": "rocksdb.total-sst-files-size",
    "memtables": "rocksdb.cur-size-all-mem-tables",
    "compaction": "rocksdb.estimate-pending-compaction-bytes",
    "stopped": "rocksdb.is-write-stopped",
    "delayed": "rocksdb.actual-delayed-write-rate",
    "errors": "rocksdb.background-errors",
    "cache": "rocksdb.block-cache-usage",
    "cache_room": "rocksdb.block-cache-capacity",
}
"""Name -> RocksDB's property. One costs a microsecond at most; the last two are the cache's, which
all stores of a process share."""


class Memory:
    """The memory that all databases of a process share.

    It holds blocks read from files, and up to half of it memtables. One for each database would
    make a process grow with the number of its partitions, and for as long as their caches fill
    (measured: 30 MiB a minute after six minutes at full rate).
    """

    def __init__(self, megabytes: int) -> None:
        self.cache = Cache(megabytes * _MIB)
        self.writes = WriteBufferManager.new_write_buffer_manager_with_cache(
            megabytes * _MIB // 2, False, self.cache
        )


class RocksStore:
    """One RocksDB database in ``path``; one process may have it open."""

    def __init__(
        self, path: Path, *, memory: Memory | None = None, write_buffer_mb: int = 32
    ) -> None:
        path.mkdir(parents=True, exist_ok=True)
        _require_whole(path)
        with _disk_errors(path):
            self._db = _opened(path, _options(memory or Memory(MEMORY_MB), write_buffer_mb))
        self._path = path
        self._checked = ReadOptions()
        self._checked.set_verify_checksums(True)

    def get(self, key: bytes) -> bytes | None:
        """The value of a key, or none."""
        with _disk_errors(self._path):
            value: bytes | None = self._db.get(key)
        return value

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values of ``keys``, in their order, in one call."""
        if not keys:
            return []
        with _disk_errors(self._path):
            return cast(list[bytes | None], self._db.get(list(keys)))

    def scan(self, prefix: bytes, start: bytes | None = None) -> Iterator[tuple[bytes, bytes]]:
        """Pairs whose key begins with ``prefix``, from ``start`` on."""
        with self.snapshot() as reading:
            yield from reading.scan(prefix, start)

    def write(self, changes: Mapping[bytes, bytes | None]) -> None:
        """One RocksDB WriteBatch."""
        batch = WriteBatch(raw_mode=True)
        for key, value in changes.items():
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        self.require_sound()
        with _disk_errors(self._path):
            self._db.write(batch)

    def require_sound(self) -> None:
        """``OSError`` once a flush or a compaction failed since the store was opened.

        RocksDB itself reports only a failed flush, at the next write. After a compaction without
        room it goes on until too many files wait for one, and writes stall.
        """
        with _disk_errors(self._path):
            failed = self._db.property_int_value("rocksdb.background-errors")
        if failed:
            raise OSError(
                f"The store in {self._path} failed: a flush or a compaction could not write, its "
                "file LOG says why: make room or mend the disk, then start again"
            )

    @contextmanager
    def snapshot(self) -> Iterator[Reading]:
        """Reads of one moment, for one thread at a time."""
        with _disk_errors(self._path):
            iterator = self._db.iter(self._checked)
        yield _RocksSnapshot(iterator, self._path)

    def figures(self) -> Mapping[str, float]:
        """RocksDB's own, by name."""
        try:
            with _disk_errors(self._path):
                read = self._db.property_int_value
                return {name: float(read(asked) or 0) for name, asked in _FIGURES.items()}
        except DbClosedError:
            return {}

    def give_back(self) -> None:
        """Flush in the background: files full of deletions are compacted from then on."""
        with _disk_errors(self._path):
            self._db.flush(wait=False)

    def close(self) -> None:
        """Flush and release the lock of the folder."""
        with _disk_errors(self._path):
            self._db.close()


class RocksFollower:
    """A database that another process writes to, as it was when this was opened; nothing in it is
    changed. RocksDB keeps notes of its own in ``notes``, a folder that is the follower's alone."""

    def __init__(self, path: Path, notes: Path) -> None:
        notes.mkdir(parents=True, exist_ok=True)
        options = _options(Memory(_FOLLOWER_MB), _FOLLOWER_MB)
        options.create_if_missing(False)
        options.set_max_open_files(-1)  # else a file is gone once the writer has compacted it
        self._path = path
        with _disk_errors(path):
            secondary = AccessType.secondary(str(notes))
            self._db = _opened(path, options, secondary)

    @contextmanager
    def snapshot(self) -> Iterator[Reading]:
        """Reads of the moment of opening."""
        checked = ReadOptions()
        checked.set_verify_checksums(True)
        with _disk_errors(self._path):
            iterator = self._db.iter(checked)
        yield _RocksSnapshot(iterator, self._path)

    def close(self) -> None:
        """Close the files."""
        with _disk_errors(self._path):
            self._db.close()


def _opened(path: Path, options: Options, access: AccessType | None = None) -> Rdict:
    """The database with these very options.

    rocksdict 0.3.29 opens a database that is there already with the options of its ``OPTIONS`` file
    unless its column families are named. That file knows no cache, so from the first restart on a
    store had RocksDB's own of 8 MB, which holds no large index: a read then fetched index and
    filter from the disk each time (measured at 1.7 million devices: 1.7 MB and 0.6 ms a read).
    """
    return Rdict(
        str(path),
        options,
        column_families={"default": options},
        access_type=access or AccessType.read_write(),
    )


def _require_whole(path: Path) -> None:
    """Without ``CURRENT`` RocksDB would begin an empty database and clear the old files away."""
    if not (path / "CURRENT").exists() and any(path.glob("MANIFEST-*")):
        raise StoreDamaged(f"The store in {path} is damaged: it has a manifest and no CURRENT file")


class _RocksSnapshot:
    """One RocksDB iterator, which sees what was there when it was made.

    rocksdict 0.3.29 offers snapshots too, but their iterators read the present: measured, not used.
    """

    def __init__(self, iterator: Any, path: Path) -> None:
        self._iterator = iterator
        self._path = path
        self._seeks = 0

    def get(self, key: bytes) -> bytes | None:
        with _disk_errors(self._path):
            if self._seek(key) and self._iterator.key() == key:
                value: bytes = self._iterator.value()
                return value
        return None

    def scan(self, prefix: bytes, start: bytes | None = None) -> Iterator[tuple[bytes, bytes]]:
        with _disk_errors(self._path):
            found = self._seek(max(prefix, start or b""))
            while found:
                key: bytes = self._iterator.key()
                if not key.startswith(prefix):
                    return
                mine = self._seeks
                yield key, self._iterator.value()
                if mine == self._seeks:
                    self._iterator.next()
                    found = self._valid()
                else:  # another read moved the iterator meanwhile
                    found = self._seek(key + b"\0")

    def _seek(self, key: bytes) -> bool:
        self._seeks += 1
        self._iterator.seek(key)
        return self._valid()

    def _valid(self) -> bool:
        if self._iterator.valid():
            return True
        # An iterator that met a damaged block just ends: only its status tells.
        self._iterator.status()
        return False


def _options(memory: Memory, write_buffer_mb: int) -> Options:
    table = BlockBasedOptions()
    table.set_block_cache(memory.cache)
    table.set_bloom_filter(10, False)
    # Outside of the cache they would grow with the rows.
    table.set_cache_index_and_filter_blocks(True)
    table.set_pin_l0_filter_and_index_blocks_in_cache(True)
    # An index in one block is megabytes, more than a shard of the cache takes: in blocks of its own
    # a read at 1.7 million devices costs 0.02 ms instead of 0.06, and 1 KB of disk instead of 170.
    table.set_index_type(BlockBasedIndexType.two_level_index_search())
    table.set_partition_filters(True)
    table.set_metadata_block_size(4096)
    table.set_pin_top_level_index_and_filter(True)
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_block_based_table_factory(table)
    options.set_write_buffer_size(write_buffer_mb * _MIB)
    options.set_write_buffer_manager(memory.writes)
    options.set_compression_type(DBCompressionType.lz4())
    options.set_max_open_files(256)
    options.set_keep_log_file_num(_LOGS_KEPT)
    options.set_max_log_file_size(_MIB)
    options.set_max_manifest_file_size(_MIB)
    options.set_max_background_jobs(2)
    options.set_paranoid_checks(True)
    # Deleted rows would keep their space until something is written over their range (measured:
    # 72 MB of 145 MB after every row was deleted; 0.1 MB two seconds after a flush with this).
    options.add_compact_on_deletion_collector_factory(*_DELETIONS)
    return options


@contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    """rocksdict raises plain ``Exception``; its text tells damage from a full or failing disk."""
    try:
        yield
    except Exception as error:
        text = str(error)
        if type(error) is not Exception:
            raise
        if any(sign in text for sign in _DAMAGE):
            raise StoreDamaged(f"The store in {path} is damaged: {text}") from error
        raise OSError(f"The store in {path} failed: {text}") from error
