"""``python -m bench.forgetting``: disk space and time when all rows expire at once.

With ``--rows 1000000``, one item on each device is folded under a long retention; processor and
read side are started again with a short one. The broker's log cleaner is set to run at once,
because its disk is measured too. Ends with 1 if more than 5 % stays anywhere.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

import httpx
from rich.console import Console
from rich.table import Table

from bench.compaction import IDLE_CONTROL, eager_broker, logs_of
from bench.controls import Control, Controls, following
from bench.load import one_each, send
from bench.read_side import Process, items, serving
from bench.sampling import OnDisk, on_disk
from bench.throughput import command
from fdt.kafka.topics import ensure_topics, specs_of
from fdt.settings import Settings
from schemas.topics import STATUS

RETENTION: Final = timedelta(minutes=1)
MOST_LEFT: Final = 0.05
"""The share of the disk space that may be left when everything is expired."""

_HELD_LONG: Final = "P1D"
_LOOK_S: Final = 2.0
_LONGEST_S: Final = 3_600.0
_COMPACTED_S: Final = 420.0
"""Segments are closed, cleaned, tombstones kept and cleaned away: three retentions, and some."""
_SETTLED_S: Final = 20.0

console = Console()


@dataclass
class Disk:
    """Bytes of each place, now and at most."""

    folder: Path
    most: dict[str, OnDisk] = field(default_factory=dict)

    def look(self) -> dict[str, OnDisk]:
        """What each place takes now."""
        found = {name: on_disk(folders) for name, folders in self._places().items()}
        for name, now in found.items():
            before = self.most.get(name, OnDisk())
            self.most[name] = OnDisk(
                max(now.listed, before.listed), max(now.allocated, before.allocated)
            )
        return found

    def _places(self) -> dict[str, list[Path]]:
        settings = Settings()
        return {
            "processor": [self.folder / "processor" / settings.worker_name],
            "read side": [self.folder / "read-side" / settings.read_view_name],
            "status topic": logs_of(self.folder / "kafka", STATUS),
        }


@dataclass
class Running:
    """Both processes, and the client of the read side."""

    processes: tuple[Process, Process]
    api: httpx.Client

    def items(self) -> int:
        """Items that the read side holds; an error if one of both has ended."""
        if any(process.poll() is not None for process in self.processes):
            raise RuntimeError("a process ended: see the logs in its folder")
        return items(self.api)


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.forgetting", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    folder = Path(tempfile.mkdtemp(prefix="fdt-forgetting-"))
    with eager_broker(folder / "kafka") as broker:
        ensure_topics(broker.bootstrap_servers, specs_of(Settings(retention=RETENTION)))
        with following(broker.bootstrap_servers) as controls:
            fits = _measure(broker.bootstrap_servers, folder, controls, rows)
    if not fits:
        raise SystemExit(f"more than {MOST_LEFT:.0%} stayed: see {folder}")
    shutil.rmtree(folder)


def _measure(bootstrap: str, folder: Path, controls: Controls, rows: int) -> bool:
    disk = Disk(folder)
    with _running(bootstrap, folder, _HELD_LONG) as running:
        send(bootstrap, one_each(rows))
        published = time.monotonic()
        _say(f"{rows:,} events published, one for each row")
        _until(lambda: controls.rows() == rows and running.items() == rows, disk)
        _say("all of them held by processor and read side")
    held = disk.look()
    time.sleep(max(0.0, RETENTION.total_seconds() - (time.monotonic() - published)))
    with _running(bootstrap, folder, f"PT{RETENTION.total_seconds():.0f}S") as running:
        _until(lambda: controls.rows() == 0, disk)
        _tell_duration(controls, rows)
        _until(lambda: running.items() == 0, disk)
        _say("the read side has followed")
        after = _settled(held, disk)
    return _told(held, disk.most, after)


@contextmanager
def _running(bootstrap: str, folder: Path, retention: str) -> Iterator[Running]:
    """The processor and the read side under a retention; they end in order."""
    settings = {"FDT_RETENTION": retention, "FDT_IDLE_CONTROL_INTERVAL": IDLE_CONTROL}
    with (
        serving(bootstrap, folder / "read-side", **settings) as (reading, api),
        command("process", bootstrap, folder / "processor", **settings) as processing,
    ):
        yield Running((processing, reading), api)


def _until(reached: Callable[[], bool], disk: Disk) -> None:
    deadline = time.monotonic() + _LONGEST_S
    while not reached():
        if time.monotonic() > deadline:
            raise RuntimeError(f"not reached within {_LONGEST_S:.0f} s: see {disk.folder}")
        disk.look()
        time.sleep(_LOOK_S)


def _settled(held: dict[str, OnDisk], disk: Disk) -> dict[str, OnDisk]:
    """Sizes once they are small and have settled, or after the longest wait."""
    deadline = time.monotonic() + _COMPACTED_S
    while not _fits(held, disk.look()) and time.monotonic() < deadline:
        time.sleep(_LOOK_S)
    time.sleep(_SETTLED_S)
    return disk.look()


def _fits(held: dict[str, OnDisk], now: dict[str, OnDisk]) -> bool:
    return all(now[name].allocated < MOST_LEFT * held[name].allocated for name in held)


def _tell_duration(controls: Controls, rows: int) -> None:
    """Print the time from the first transaction that deleted rows to the last, by the broker's
    clock."""
    seen = list(controls.seen)
    forgot = [later for earlier, later in _steps(seen) if later.rows < earlier.rows]
    began, ended = forgot[0].at, forgot[-1].at
    seconds = (ended - began) / 1000
    _say(
        f"{rows:,} rows forgotten in {seconds:.1f} s ({rows / seconds:,.0f} a second), at most "
        f"{controls.longest_gap(began, ended):.2f} s between two control records of a partition"
    )


def _steps(seen: list[Control]) -> Iterator[tuple[Control, Control]]:
    """Each control record after the one before it in its partition."""
    last: dict[int, Control] = {}
    for control in seen:
        if control.partition in last:
            yield last[control.partition], control
        last[control.partition] = control


def _told(held: dict[str, OnDisk], most: dict[str, OnDisk], after: dict[str, OnDisk]) -> bool:
    table = Table("MB on disk", "all held", "at most", "all forgotten", "left")
    for name in held:
        for kind in ("allocated", "listed"):
            figures = [getattr(found[name], kind) for found in (held, most, after)]
            table.add_row(
                f"{name}, {kind}",
                *(f"{figure / 1e6:,.1f}" for figure in figures),
                f"{figures[2] / figures[0]:.1%}",
            )
    console.print(table)
    return _fits(held, after)


def _say(text: str) -> None:
    console.print(f"{text} (load {os.getloadavg()[0]:.1f})", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
