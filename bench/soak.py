"""A worker at full rate for many minutes: memory and open files must stay flat.

``python -m bench.soak --minutes 20``; the slopes are least squares over the second half, when
caches and memtables are full. Ends with 1 if memory is not flat in that time. Open files grow with
a store's tables, up to RocksDB's own bound.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.load import DEVICES_A_REQUEST, PARTITIONS, send
from bench.sampling import Trend, memory_mib, open_files, trend
from bench.throughput import command, covered
from fdt.brokers.finding import choose_broker
from fdt.kafka.topics import ensure_topics, specs_of
from fdt.settings import Settings
from schemas.codec import Codec
from sources.planning.plan import build_plan
from sources.schedule import Schedule
from sources.wire import Wire, wire

EVERY_S = 5.0
AHEAD = 200_000
"""Events that are published and not read yet, at most: enough to keep the worker busy."""
DEVICES_A_PLAN = 20_000


@dataclass
class Samples:
    """One row every few seconds."""

    seconds: list[float] = field(default_factory=list)
    rss_mib: list[float] = field(default_factory=list)
    files: list[int] = field(default_factory=list)
    read: list[int] = field(default_factory=list)

    def take(self, began: float, process_id: int, bootstrap: str) -> None:
        """Look at the process and at what it covered."""
        self.seconds.append(time.monotonic() - began)
        self.rss_mib.append(memory_mib(process_id))
        self.files.append(open_files(process_id))
        self.read.append(covered(bootstrap))

    def trend(self, values: list[float] | list[int]) -> Trend:
        """Over the second half."""
        half = len(values) // 2
        return trend(self.seconds[half:], values[half:])


def main() -> None:
    """Run, and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20)
    minutes = parser.parse_args().minutes
    settings = Settings()
    with tempfile.TemporaryDirectory(prefix="fdt-soak-") as scratch:
        folder = Path(scratch)
        with choose_broker(settings, for_tests=True, folder=folder / "kafka") as broker:
            bootstrap = broker.bootstrap_servers
            ensure_topics(bootstrap, specs_of(settings))
            samples = _run(bootstrap, folder, minutes * 60)
    _report(samples)
    if not samples.trend(samples.rss_mib).is_flat:
        raise SystemExit("memory is not flat")


def _run(bootstrap: str, folder: Path, seconds: float) -> Samples:
    samples, done = Samples(), threading.Event()
    publisher = threading.Thread(target=_publish, args=(bootstrap, samples, done), daemon=True)
    with command("process", bootstrap, folder) as process:
        began = time.monotonic()
        publisher.start()
        while time.monotonic() - began < seconds:
            time.sleep(EVERY_S)
            if process.poll() is not None:
                raise RuntimeError(f"the processor ended: see {folder / 'log'}")
            samples.take(began, process.pid, bootstrap)
        done.set()
        publisher.join()
    return samples


def _publish(bootstrap: str, samples: Samples, done: threading.Event) -> None:
    """Plan after plan, each about other devices, never too far ahead."""
    sent, seed = 0, 1
    while not done.is_set():
        if sent - (samples.read[-1] if samples.read else 0) > AHEAD:
            time.sleep(0.2)
            continue
        events = list(_events(seed))
        send(bootstrap, events)
        sent, seed = sent + len(events), seed + 1


def _events(seed: int) -> Iterator[Wire]:
    requests = -(-DEVICES_A_PLAN // DEVICES_A_REQUEST)
    plan = build_plan(seed=seed, requests=requests, devices=DEVICES_A_PLAN)
    schedule = Schedule.starting(round(time.time() * 1000), 1_000_000.0)
    codec = Codec()
    return (wire(publication, schedule, codec, PARTITIONS) for publication in plan.publications)


def _report(samples: Samples) -> None:
    seconds = samples.seconds[-1]
    print(
        f"{samples.read[-1]:,} events in {seconds / 60:.1f} min "
        f"({samples.read[-1] / seconds:,.0f}/s), load {os.getloadavg()[0]:.1f}\n"
        f"memory, MiB: {_told(samples.rss_mib, samples)}\n"
        f"open files: {_told(samples.files, samples)}"
    )


def _told(values: list[float] | list[int], samples: Samples) -> str:
    second_half = samples.trend(values)
    return (
        f"{values[0]:.0f} at first, at most {max(values):.0f}; over the last "
        f"{second_half.minutes:.0f} min {second_half.mean:.0f}, {second_half.per_minute:+.2f} a "
        f"minute{', flat' if second_half.is_flat else ''}"
    )


if __name__ == "__main__":
    main()
