"""Runs a contender once, and measures its rate, processor time, memory, disk and changelog."""

from __future__ import annotations

import re
import resource
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.sampling import on_disk, peak_mib

LONGEST_S: Final = 1_800.0
_LOOK_S: Final = 0.1
_RATE: Final = re.compile(rb"^RATE (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Ran:
    """The figures of one run."""

    rate: float
    """Events a second."""
    cpu_us: float
    """Processor time of the contender's processes for each event, their start included."""
    memory_mib: float
    """Most resident memory, of all its processes together."""
    disk_mib: float
    """Size of its folder on disk."""
    changelog_bytes: float
    """Size of its changelog at the broker, for each event."""


class PeerFailed(RuntimeError):
    """A contender ended without having handled every event; the message has its last lines."""


class Meter:
    """Processor time and memory of child processes while they run."""

    def __init__(self) -> None:
        self._peaks: dict[int, float] = {}
        self._before = _children_s()

    def look(self, process: subprocess.Popen[bytes]) -> None:
        """Note the most memory that a process has had so far."""
        self._peaks[process.pid] = max(self._peaks.get(process.pid, 0.0), peak_mib(process.pid))

    @property
    def memory_mib(self) -> float:
        """The sum of the processes' peaks."""
        return sum(self._peaks.values())

    def cpu_us(self, events: int) -> float:
        """Microseconds an event, of children that have ended since this meter was made."""
        return (_children_s() - self._before) * 1e6 / events


def timed(
    command: Sequence[str | Path], folder: Path, events: int, changelog: Callable[[], int]
) -> Ran:
    """Run a program that prints ``RATE`` and ends; ``changelog`` then gives its bytes.

    Raises :class:`PeerFailed`.
    """
    folder.mkdir(parents=True)
    meter = Meter()
    log = folder.with_suffix(".log")
    with _running(command, log) as process:
        deadline = time.monotonic() + LONGEST_S
        while process.poll() is None:
            meter.look(process)
            if time.monotonic() > deadline:
                raise PeerFailed(f"{command[0]} did not finish in {LONGEST_S:g} s: see {log}")
            time.sleep(_LOOK_S)
    found = _RATE.search(log.read_bytes())
    if process.returncode != 0 or found is None:
        raise PeerFailed(
            f"exit code {process.returncode}: {log.read_text(errors='replace')[-800:]}"
        )
    return Ran(
        float(found[1]),
        meter.cpu_us(events),
        meter.memory_mib,
        on_disk([folder]).allocated / 2**20,
        changelog() / events,
    )


@contextmanager
def _running(command: Sequence[str | Path], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        process = subprocess.Popen([str(word) for word in command], stdout=out, stderr=out)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
