"""``make analysis``: simulates a campaign, exports it, runs the notebook, writes
docs/analysis.md."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from fdt.brokers.finding import LocalKafka
from fdt.kafka.topics import ensure_topics, specs_of
from fdt.processes.children import free_port
from fdt.settings import Settings
from notebooks import page
from notebooks.campaign import app

_SPEED: Final = 2_000.0
"""Virtual hours an hour: forty of them in seven seconds, and nearly in the plan's order."""
_STUCK_HOURS: Final = 24.0


def main() -> None:
    """Run all steps, in a temporary folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=6_000)
    parser.add_argument("--requests", type=int, default=8)
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--docs", type=Path, default=Path("docs"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fdt-analysis-") as name:
        folder = Path(name)
        _campaign(folder, given.devices, given.requests, given.seed)
        override = {"folder": str(folder / "export"), "stuck_hours": _STUCK_HOURS}
        _, defs = app.run(defs=override)
        page.write(given.docs, defs, given.devices, given.requests, given.seed)


def _campaign(folder: Path, devices: int, requests: int, seed: int) -> None:
    """Simulate the campaign, fold it, compare it with its plan, and export it."""
    broker = LocalKafka(folder / "kafka")
    broker.start()
    try:
        ensure_topics(broker.bootstrap_servers, specs_of(Settings()))
        environment = {
            **os.environ,
            "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers,
            "FDT_DATA_DIR": str(folder / "data"),
        }
        amount = ("--devices", str(devices), "--requests", str(requests), "--seed", str(seed))
        port = ("--port", str(free_port()), "--speed", f"{_SPEED:g}", "--until-settled")
        _fdt(environment, "up", *amount, *port)
        _fdt(environment, "export", str(folder / "export"))
    finally:
        broker.stop()


def _fdt(environment: dict[str, str], *words: str) -> None:
    """Run an ``fdt`` command, which must succeed; its output is this one's."""
    subprocess.run([sys.executable, "-m", "fdt", *words], env=environment, check=True)


if __name__ == "__main__":
    main()
