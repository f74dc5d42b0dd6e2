"""Reads the copies of a partition's rows on disk: the processor's store, the read side's view.

Both are read as of one moment while their owners write, for :mod:`fdt.analysis.proof.verifying`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from processor.partition.ledger import LEDGER_KEY, unpack
from processor.partition.recovery import ROW_PREFIX
from projections.rows import native_code
from projections.state import Report
from query_api.view.layout import (
    COUNTS_PREFIX,
    DEVICE_PREFIX,
    ENTRY_PREFIX,
    TOTALS_KEY,
    IndexEntry,
    RequestCounts,
    decode_counts,
    decode_entry,
    decode_held,
    decode_request_counts,
    device_key,
    entry_key,
)
from query_api.view.status_view import index_entries, marks
from schemas.identifiers import DeviceId
from schemas.partitioning import partition_of
from storage.rocks import RocksFollower
from storage.store import Reading, StoreDamaged

_TRIES: Final = 5
"""A file may be deleted while a follower opens the others."""


@dataclass(frozen=True, slots=True)
class StoreCopy:
    """The processor's table of one partition."""

    reading: Reading
    offset: int
    """Next offset of the status partition that is not in it."""

    def rows(self) -> Iterator[tuple[str, bytes]]:
        """(Device ID, row), in order."""
        for key, value in self.reading.scan(ROW_PREFIX):
            yield key[len(ROW_PREFIX) :].decode(errors="replace"), value


@dataclass(slots=True)
class _Listed:
    """Items of a request, counted from the list entries."""

    statuses: Counter[int] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, evidence: Report) -> None:
        """One more."""
        self.statuses[evidence.status] += 1
        self.reasons[native_code(evidence)] += 1

    def are(self, counts: RequestCounts | None) -> bool:
        """Whether ``counts`` says the same."""
        if counts is None:
            return not self.statuses
        return counts.statuses == self.statuses and counts.reasons == self.reasons


@dataclass(frozen=True, slots=True)
class ViewCopy:
    """The read side's rows of one partition, out of a view of all."""

    reading: Reading
    offset: int
    number: int
    partitions: int

    def rows(self) -> Iterator[tuple[str, bytes]]:
        """(Device ID, row), in order."""
        for key, value in self.reading.scan(DEVICE_PREFIX):
            device = key[len(DEVICE_PREFIX) :].decode(errors="replace")
            if self._is_mine(device):
                yield device, decode_held(value).state

    def entries(self) -> Iterator[tuple[str, str]]:
        """(request, device) of every list entry."""
        for key, _ in self.reading.scan(ENTRY_PREFIX):
            request, _, device = key[len(ENTRY_PREFIX) :].decode(errors="replace").partition("\0")
            if self._is_mine(device):
                yield request, device

    def lists(self, device: str, entries: Mapping[str, IndexEntry]) -> bool:
        """Whether the lists have exactly these entries of a device."""
        return all(self._entry(request, device) == entry for request, entry in entries.items())

    def strays(self) -> Iterator[tuple[str, bytes | None]]:
        """Devices, with their row, of list entries that are not in the row."""
        for request, device in self.entries():
            data = self.reading.get(device_key(device))
            state = None if data is None else decode_held(data).state
            if state is None or request not in index_entries(state):
                yield device, state

    def miscounted(self) -> list[str]:
        """Requests, of all partitions, whose stored counts differ from their list entries; an empty
        text stands for the totals."""
        listed: defaultdict[str, _Listed] = defaultdict(_Listed)
        for key, value in self.reading.scan(ENTRY_PREFIX):
            request = key[len(ENTRY_PREFIX) :].decode(errors="replace").partition("\0")[0]
            listed[request].add(decode_entry(value).evidence)
        counted = {
            key[len(COUNTS_PREFIX) :].decode(errors="replace"): decode_request_counts(value)
            for key, value in self.reading.scan(COUNTS_PREFIX)
        }
        wrong = [
            request
            for request in sorted(listed.keys() | counted.keys())
            if not listed[request].are(counted.get(request))
        ]
        everything = sum((each.statuses for each in listed.values()), Counter[int]())
        totals_are_wrong = everything != decode_counts(self.reading.get(TOTALS_KEY))
        return ["", *wrong] if totals_are_wrong else wrong

    def _entry(self, request: str, device: str) -> IndexEntry | None:
        data = self.reading.get(entry_key(request, device))
        return None if data is None else decode_entry(data)

    def _is_mine(self, device: str) -> bool:
        return partition_of(DeviceId(device), self.partitions) == self.number


@contextmanager
def store_copy(folders: tuple[Path, ...], notes: Path) -> Iterator[StoreCopy]:
    """The newest of the stores that workers have, or had, of a partition."""
    newest: StoreCopy | None = None
    followers = [_followed(folder, notes / str(n)) for n, folder in enumerate(folders)]
    try:
        for follower in followers:
            with follower.snapshot() as reading:
                data = reading.get(LEDGER_KEY)
                known = None if data is None else unpack(data)
                if known and (newest is None or known[0].status_offset > newest.offset):
                    newest = StoreCopy(reading, known[0].status_offset)
        if newest is None:
            raise StoreDamaged(f"No store in {', '.join(map(str, folders))} has a ledger")
        yield newest
    finally:
        for follower in followers:
            follower.close()


@contextmanager
def view_copy(folder: Path, notes: Path, number: int, partitions: int) -> Iterator[ViewCopy]:
    """The view's rows of a partition."""
    follower = _followed(folder, notes)
    try:
        with follower.snapshot() as reading:
            yield ViewCopy(reading, marks(reading)[number].next_offset, number, partitions)
    finally:
        follower.close()


def _followed(folder: Path, notes: Path) -> RocksFollower:
    for _ in range(_TRIES - 1):
        try:
            return RocksFollower(folder, notes)
        except StoreDamaged:
            continue
    return RocksFollower(folder, notes)
