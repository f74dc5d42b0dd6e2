"""A steady rate of events under a short retention: table, disk and memory must not grow.

``python -m bench.steady --minutes 10 --rate 1000 --retention PT1M``: plan after plan about other
devices, with processor and read side up and a log cleaner that runs at once. Figures are of the
last two thirds: mean and least-squares slope, of the samples and of their peaks. ``--chart FILE``
draws them (SVG), ``--csv FILE`` keeps the samples.
"""

from __future__ import annotations

import argparse
import csv
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields, replace
from itertools import count
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from bench.chart import Line, Panel, drawn
from bench.compaction import IDLE_CONTROL, eager_broker, logs_of
from bench.controls import Controls, following
from bench.load import DEVICES_A_REQUEST, EVENTS_A_DEVICE, PARTITIONS, send
from bench.read_side import Process, serving
from bench.sampling import STEADY, memory_mib, on_disk, open_files, peaks, trend
from bench.throughput import command
from fdt.kafka.topics import ensure_topics, specs_of
from fdt.settings import Settings
from schemas.codec import Codec
from schemas.topics import SOURCE_TOPICS, STATUS
from sources.planning.events import PlannedEvent
from sources.planning.plan import build_plan
from sources.schedule import LAST_PUBLICATION_MS, Schedule, wall_ms
from sources.wire import Wire, wire

EVERY_S: Final = 5.0
STORE_MEMORY_MB: Final = 64
"""Block caches fill up to their bound, also with blocks of deleted files (a store alone, the same
rows coming and going: from 47 to 88 MiB and on with 192, about 50 all the time with 24). With this
bound they are full within a run of minutes."""
LEAST_MINUTES: Final = 2
SKIPPED: Final = 1 / 3
WINDOWS: Final = 5
"""Peaks are those within a fifth of the run."""
WIDTH: Final = 100
PLAN_S: Final = 10.0
"""For how long the events of one plan are published."""

WORTH_A_SLEEP_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Sample:
    """One row every few seconds; MB are millions of bytes set aside by the disk."""

    seconds: float
    rows: int
    processor_mb: float
    read_side_mb: float
    status_topic_mb: float
    event_topics_mb: float
    processor_mib: float
    read_side_mib: float
    processor_files: int
    read_side_files: int


LABELS: Final = {
    "rows": "rows held",
    "processor_mb": "processor's stores, MB on disk",
    "read_side_mb": "read side's view, MB on disk",
    "status_topic_mb": "status topic, MB on disk",
    "event_topics_mb": "event topics, MB on disk",
    "processor_mib": "processor, MiB of memory",
    "read_side_mib": "read side, MiB of memory",
    "processor_files": "processor, open files",
    "read_side_files": "read side, open files",
}
GROWING: Final = frozenset({"event_topics_mb"})
"""Figures of what has a long retention of its own."""


@dataclass(frozen=True, slots=True)
class Present(Schedule):
    """A schedule in which every event happens about when it is published: delays shrink with the
    rest."""

    def occurred_at(self, event: PlannedEvent, ordinal: int) -> int:
        """In wall-clock milliseconds; a wrong clock stays as wrong as it was."""
        if event.skew_ms is None:
            return round(self.base_ms + event.occurred_ms / self.speed)
        return round(self.base_ms + event.publish_ms / self.speed) + event.skew_ms


@dataclass(frozen=True, slots=True)
class Watched:
    """The processes and folders that are sampled."""

    folder: Path
    processor: Process
    read_side: Process
    controls: Controls

    def sample(self, began: float) -> Sample:
        """All figures now; an error if one of both has ended."""
        if self.processor.poll() is not None or self.read_side.poll() is not None:
            raise RuntimeError("a process ended")
        settings, kafka = Settings(), self.folder / "kafka"
        return Sample(
            time.monotonic() - began,
            self.controls.rows(),
            _mb([self.folder / "processor" / settings.worker_name]),
            _mb([self.folder / "read-side" / settings.read_view_name]),
            _mb(logs_of(kafka, STATUS)),
            _mb(logs_of(kafka, *SOURCE_TOPICS.values())),
            memory_mib(self.processor.pid),
            memory_mib(self.read_side.pid),
            open_files(self.processor.pid),
            open_files(self.read_side.pid),
        )


def main() -> None:
    """Run, print the figures, and draw them where asked."""
    parser = argparse.ArgumentParser(prog="python -m bench.steady", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=int, default=1_000, help="events a second")
    parser.add_argument("--retention", default="PT1M")
    parser.add_argument(
        "--store-memory-mb",
        type=int,
        default=STORE_MEMORY_MB,
        help="FDT_STORE_MEMORY_MB of both processes",
    )
    parser.add_argument("--chart", type=Path, metavar="FILE")
    parser.add_argument("--csv", type=Path, metavar="FILE")
    asked = parser.parse_args()
    if asked.minutes < LEAST_MINUTES:
        parser.error(
            f"--minutes is {asked.minutes:g}: nothing is seen in less than {LEAST_MINUTES}"
        )
    settings = Settings(retention=asked.retention, store_memory_mb=asked.store_memory_mb)
    with tempfile.TemporaryDirectory(prefix="fdt-steady-") as scratch:
        samples = _run(Path(scratch), asked.minutes * 60, asked.rate, settings)
    if asked.csv:
        _keep(samples, asked.csv)
    if asked.chart:
        title = f"{asked.rate:,} events a second, retention {asked.retention}"
        asked.chart.write_text(_chart(samples, title), encoding="utf-8")
    _report(samples)


def _run(folder: Path, seconds: float, rate: int, settings: Settings) -> list[Sample]:
    environment = {
        "FDT_RETENTION": str(settings.retention.total_seconds()),
        "FDT_STORE_MEMORY_MB": str(settings.store_memory_mb),
        "FDT_IDLE_CONTROL_INTERVAL": IDLE_CONTROL,
    }
    with eager_broker(folder / "kafka") as broker:
        bootstrap = broker.bootstrap_servers
        ensure_topics(bootstrap, specs_of(settings))
        with (
            following(bootstrap) as controls,
            serving(bootstrap, folder / "read-side", **environment) as (reading, _),
            command("process", bootstrap, folder / "processor", **environment) as processing,
            _publishing(bootstrap, rate),
        ):
            samples = _samples(Watched(folder, processing, reading, controls), seconds)
        read, dead = controls.count("read"), controls.count("dead_lettered")
    print(f"{read:,} events read ({read / seconds:,.0f}/s), {dead:,} of them dead letters")
    return samples


def _samples(watched: Watched, seconds: float) -> list[Sample]:
    samples: list[Sample] = []
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        time.sleep(EVERY_S)
        samples.append(watched.sample(began))
    return samples


@contextmanager
def _publishing(bootstrap: str, rate: int) -> Iterator[None]:
    """Events at a rate, as long as this is open."""
    done = threading.Event()
    publisher = threading.Thread(target=lambda: send(bootstrap, _paced(rate, done)), daemon=True)
    publisher.start()
    try:
        yield
    finally:
        done.set()
        publisher.join()


def _paced(rate: int, done: threading.Event) -> Iterator[Wire]:
    began = time.monotonic()
    for number, event in enumerate(_events(rate)):
        early = began + number / rate - time.monotonic()
        if early > WORTH_A_SLEEP_S:
            time.sleep(early)
        if done.is_set():
            return
        yield event


def _events(rate: int) -> Iterator[Wire]:
    """Plan after plan, each about other devices."""
    devices, codec = round(rate * PLAN_S / EVENTS_A_DEVICE), Codec()
    speed = LAST_PUBLICATION_MS / (PLAN_S * 1000)
    for seed in count(1):
        plan = build_plan(seed, requests=-(-devices // DEVICES_A_REQUEST), devices=devices)
        schedule = Present(round(wall_ms()), speed)
        for publication in plan.publications:
            yield wire(publication, schedule, codec, PARTITIONS)


def _mb(folders: list[Path]) -> float:
    return on_disk(folders).allocated / 1e6


def _keep(samples: list[Sample], file: Path) -> None:
    with file.open("w", encoding="utf-8", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(field.name for field in fields(Sample))
        rows.writerows(astuple(sample) for sample in samples)


def _report(samples: list[Sample]) -> None:
    late = samples[int(len(samples) * SKIPPED) :]
    seconds, window = [sample.seconds for sample in late], len(samples) // WINDOWS
    table = Table("figure", "mean", "a minute", "at most", "peaks, a minute", "flat")
    for name, label in LABELS.items():
        values = [float(getattr(sample, name)) for sample in late]
        found = trend(seconds, values)
        high = replace(trend(seconds[window - 1 :], peaks(values, window)), minutes=found.minutes)
        table.add_row(
            label,
            f"{found.mean:,.1f}",
            f"{found.per_minute:+,.2f}",
            f"{max(values):,.1f}",
            f"{high.per_minute:+,.2f}",
            "grows" if name in GROWING else "yes" if high.is_flat else "NO",
        )
    Console(width=WIDTH).print(table)
    print(
        f"of the last {found.minutes:.1f} min; a peak is the most in 1/{WINDOWS} of the run;\n"
        f"flat: the peaks move by at most {STEADY:.0%} of their mean in that time "
        f"(load {os.getloadavg()[0]:.1f})"
    )


def _chart(samples: list[Sample], title: str) -> str:
    minutes = [sample.seconds / 60 for sample in samples]

    def line(label: str, name: str) -> Line:
        return Line(label, [float(getattr(sample, name)) for sample in samples])

    panels = [
        Panel("Held by the processor", "rows", [line("rows", "rows")]),
        Panel(
            "Disk",
            "MB",
            [
                line("processor", "processor_mb"),
                line("read side", "read_side_mb"),
                line("status topic", "status_topic_mb"),
            ],
        ),
        Panel(
            "Memory (resident)",
            "MiB",
            [line("processor", "processor_mib"), line("read side", "read_side_mib")],
        ),
    ]
    return drawn(title, minutes, panels)


if __name__ == "__main__":
    main()
