"""``make analysis``: a simulated campaign, its export, the notebook, and docs/analysis.md."""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from fdt.brokers.finding import LocalKafka
from fdt.kafka.topics import ensure_topics, specs_of
from fdt.settings import Settings
from notebooks import page
from notebooks.campaign import app

_SPEED: Final = 2_000.0
"""Virtual hours an hour: forty of them in seven seconds, and nearly in the plan's order."""
_STUCK_HOURS: Final = 24.0


def main() -> None:
    """All of it, in a folder that is gone afterwards."""
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
    """The campaign, folded, held against its plan, and exported."""
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
        port = ("--port", str(_free_port()), "--speed", f"{_SPEED:g}", "--until-settled")
        _fdt(environment, "up", *amount, *port)
        _fdt(environment, "export", str(folder / "export"))
    finally:
        broker.stop()


def _fdt(environment: dict[str, str], *words: str) -> None:
    """A command that ends well; its output is this one's."""
    subprocess.run([sys.executable, "-m", "fdt", *words], env=environment, check=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


if __name__ == "__main__":
    main()
