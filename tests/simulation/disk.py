"""The disks of simulated workers: stores with a write-ahead log, lost, damaged or old."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from random import Random

from processor.batch import Batch
from processor.safety.defects import Refused
from processor.safety.in_flight import Stored
from storage.store import MemoryStore, Reading, Store, StoreDamaged
from tests.simulation.broker import Reach, nothing_happens

Changes = dict[bytes, bytes | None]


@dataclass
class Folder:
    """One store on disk: everything ever written to it, in order."""

    log: list[Changes] = field(default_factory=list)
    damaged: bool = False
    """A block does not read any more."""

    def content(self) -> MemoryStore:
        """What a reader finds."""
        store = MemoryStore()
        for changes in self.log:
            store.write(changes)
        return store


@dataclass
class Disk:
    """The data folder of one worker; it survives the worker, more or less."""

    folders: dict[int, Folder] = field(default_factory=dict)
    backups: dict[int, list[Changes]] = field(default_factory=dict)
    aside: list[str] = field(default_factory=list)
    full: bool = False

    def crash(self, rng: Random) -> None:
        """Kill or power cut: each store may lose the last writes of its write-ahead log."""
        for folder in self.folders.values():
            if folder.log and rng.random() < 0.5:
                del folder.log[rng.randrange(len(folder.log)) :]

    def back_up(self) -> None:
        """Remember today's stores."""
        self.backups = {number: list(folder.log) for number, folder in self.folders.items()}

    def mishap(self, rng: Random) -> str:
        """Something that happens to a disk while its worker is down."""
        what = rng.choice(["deleted", "damaged", "an old copy", "garbage in the ledger"])
        for number, folder in list(self.folders.items()):
            if what == "deleted":
                del self.folders[number]
            elif what == "damaged":
                folder.damaged = True
            elif what == "an old copy":
                folder.log = list(self.backups.get(number, []))
            else:
                folder.log.append({b"!ledger": b"\x93garbage"})
        return what


class SimulatedStores:
    """:class:`~processor.partition.recovery.Stores` on a :class:`Disk`."""

    def __init__(self, disk: Disk, reach: Reach = nothing_happens) -> None:
        self.disk = disk
        self._reach = reach
        self.open_now: set[int] = set()

    def open(self, partition: int) -> Store:
        """The store that survived, or an empty one; only once at a time, as RocksDB's lock says."""
        assert partition not in self.open_now, f"partition {partition} is opened twice"
        self.open_now.add(partition)
        folder = self.disk.folders.setdefault(partition, Folder())
        return _Store(self, partition, folder, self._reach)

    def set_aside(self, partition: int, why: str) -> None:
        """Out of the way, and noted."""
        assert partition not in self.open_now, f"partition {partition} is set aside while open"
        self._reach("set aside")
        self.disk.aside.append(why)
        self.disk.folders.pop(partition, None)

    def require_room(self) -> None:
        """A full disk takes nothing."""
        if self.disk.full:
            raise OSError(errno.ENOSPC, "the simulated disk is full")


class _Store:
    def __init__(self, stores: SimulatedStores, number: int, folder: Folder, reach: Reach) -> None:
        self._stores = stores
        self._number = number
        self._folder = folder
        self._reach = reach
        self._held = folder.content()

    def get(self, key: bytes) -> bytes | None:
        return self._held.get(key)

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        self._reach("store: reading")
        return self._held.get_many(keys)

    def scan(self, prefix: bytes, start: bytes | None = None) -> Iterator[tuple[bytes, bytes]]:
        if self._folder.damaged:
            raise StoreDamaged("a simulated block is damaged")
        yield from self._held.scan(prefix, start)

    def write(self, changes: Mapping[bytes, bytes | None]) -> None:
        self._reach("store: before the write")
        self._folder.log.append(dict(changes))
        self._held.write(changes)
        self._reach("store: after the write")

    def require_sound(self) -> None:
        """Nothing is put in order later."""

    def snapshot(self) -> AbstractContextManager[Reading]:
        return self._held.snapshot()

    def figures(self) -> Mapping[str, float]:
        return self._held.figures()

    def give_back(self) -> None:
        """Nothing that could be seen from outside."""

    def close(self) -> None:
        self._stores.open_now.discard(self._number)
        if self._folder.damaged:
            raise StoreDamaged("a simulated block is damaged")


class NothingNoted:
    """:class:`~processor.safety.in_flight.InFlight` that suspects nobody."""

    def holding(self, number: int, batch: Batch, stored: Stored) -> AbstractContextManager[Refused]:
        """Nothing is quarantined."""
        return nullcontext({})
