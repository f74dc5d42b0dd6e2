"""Memory and files of a process, sizes of folders, and whether a figure stays flat."""

from __future__ import annotations

import os
import re
import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

STEADY: Final = 0.1
"""A figure that moves by no more than this part of itself is called flat."""
_BLOCK: Final = 512
"""The unit of ``st_blocks``, whatever the file system's own is (POSIX)."""


@dataclass(frozen=True, slots=True)
class OnDisk:
    """Bytes of files: as they are listed (``ls``), and as the disk has set aside for them (``du``).

    Kafka's index files are long and mostly empty; RocksDB's logs are short and preallocated.
    """

    listed: int = 0
    allocated: int = 0

    def __add__(self, other: OnDisk) -> OnDisk:
        return OnDisk(self.listed + other.listed, self.allocated + other.allocated)


@dataclass(frozen=True, slots=True)
class Trend:
    """The mean of a figure, and the slope of its least-squares line, over ``minutes``."""

    mean: float
    per_minute: float
    minutes: float

    @property
    def is_flat(self) -> bool:
        """Whether it moved by no more than :data:`STEADY` of its mean in all that time."""
        return abs(self.per_minute * self.minutes) <= STEADY * abs(self.mean)


def on_disk(folders: Iterable[Path]) -> OnDisk:
    """All files in ``folders``; those deleted meanwhile count for nothing."""
    return sum(map(_size, _files(folders)), OnDisk())


def memory_mib(process_id: int) -> float:
    """Resident memory of a process, in MiB."""
    pages = int(Path(f"/proc/{process_id}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def peak_mib(process_id: int) -> float:
    """Peak resident memory of a process, in MiB; 0 for one that has just ended."""
    try:
        status = Path(f"/proc/{process_id}/status").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def open_files(process_id: int) -> int:
    """File descriptors in use."""
    return len(os.listdir(f"/proc/{process_id}/fd"))


def trend(seconds: Sequence[float], values: Sequence[float]) -> Trend:
    """The least-squares line through values at these times."""
    slope = statistics.linear_regression(seconds, values).slope * 60
    return Trend(statistics.fmean(values), slope, (seconds[-1] - seconds[0]) / 60)


def peaks(values: Sequence[float], window: int) -> list[float]:
    """The largest of every ``window`` values in a row, by the last of them.

    A write-ahead log grows until it is cut: its peaks count, not the phase in which a measurement
    begins and ends.
    """
    return [max(values[end - window : end]) for end in range(window, len(values) + 1)]


def _files(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        for root, _, names in os.walk(folder):
            yield from (Path(root, name) for name in names)


def _size(file: Path) -> OnDisk:
    try:
        found = file.stat()
    except FileNotFoundError:  # compaction deletes files while they are looked at
        return OnDisk()
    return OnDisk(found.st_size, found.st_blocks * _BLOCK)
