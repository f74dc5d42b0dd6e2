"""Measures how long worker and read side take to come back with a million rows.

After kill -9, and from an empty folder. ``python -m bench.recovery --rows 1000000`` starts a broker
of its own, or uses the one named in ``KAFKA_BOOTSTRAP_SERVERS``.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import tempfile
import time
from pathlib import Path

from bench.load import PARTITIONS, one_each, send
from bench.read_side import items, serving
from bench.sampling import peak_mib
from bench.throughput import command, covered
from fdt.brokers.finding import choose_broker
from fdt.kafka.topics import ensure_topics, specs_of
from fdt.settings import Settings

_LONGEST_S = 3_600.0
_RESUMED = re.compile(r"partition \d+: (\d+) rows, .* goes on at")


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.recovery", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    folder = Path(tempfile.mkdtemp(prefix="fdt-recovery-"))
    settings = Settings()
    with choose_broker(settings, for_tests=True, folder=folder / "kafka") as broker:
        bootstrap = broker.bootstrap_servers
        ensure_topics(bootstrap, specs_of(settings))
        send(bootstrap, one_each(rows))
        _say(f"{rows:,} events published, one for each row")
        with command("process", bootstrap, folder) as process:
            while covered(bootstrap) < rows:
                time.sleep(2)
            _say("all folded")
            process.kill()
            process.wait()
        _measure("after kill -9", bootstrap, folder, rows)
        shutil.rmtree(folder / Settings().worker_name)
        _measure("from an empty folder", bootstrap, folder, rows)
        _serve("read side, from an empty folder", bootstrap, folder, rows)
        _serve("read side, after kill -9", bootstrap, folder, rows)
    shutil.rmtree(folder)


def _measure(what: str, bootstrap: str, folder: Path, rows: int) -> None:
    """From the start of the process to its last partition, and the most memory it took."""
    log = folder / "log"
    log.unlink()
    began = time.monotonic()
    with command("process", bootstrap, folder) as process:
        while len(found := _RESUMED.findall(log.read_text())) < PARTITIONS:
            if process.poll() is not None or time.monotonic() - began > _LONGEST_S:
                raise RuntimeError(f"the processor did not go on: see {log}")
            time.sleep(0.1)
        took = time.monotonic() - began
        peak = peak_mib(process.pid)
    held = sum(map(int, found))
    if held != rows:
        raise RuntimeError(f"{held:,} rows instead of {rows:,}")
    _say(f"{what}: {held:,} rows, going on after {took:.1f} s, at most {peak:,.0f} MiB")


def _serve(what: str, bootstrap: str, folder: Path, rows: int) -> None:
    """From the start of the read side until it is ready to answer; it is killed afterwards."""
    began = time.monotonic()
    with serving(bootstrap, folder / "read-side") as (process, api):
        took, held = time.monotonic() - began, items(api)
        peak = peak_mib(process.pid)
        process.kill()
    if held != rows:
        raise RuntimeError(f"{held:,} items instead of {rows:,}")
    _say(f"{what}: {held:,} items, ready after {took:.1f} s, at most {peak:,.0f} MiB")


def _say(text: str) -> None:
    print(f"{text} (load {os.getloadavg()[0]:.1f})", flush=True)


if __name__ == "__main__":
    main()
