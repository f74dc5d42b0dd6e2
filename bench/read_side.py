"""The read side as a process of its own, and a client that is signed in to it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx

from bench.throughput import command
from fdt.processes.children import LOCALHOST, free_port

_READY_S: Final = 600.0
_ITEMS: Final = re.compile(r"^fdt_items\{.*\} (\S+)$", re.MULTILINE)

Process = subprocess.Popen[bytes]


@contextmanager
def serving(
    bootstrap: str, folder: Path, **environment: str
) -> Iterator[tuple[Process, httpx.Client]]:
    """``fdt serve`` once it is ready, its data and log in ``folder``."""
    port = free_port()
    with (
        command("serve", bootstrap, folder, FDT_API_PORT=str(port), **environment) as process,
        httpx.Client(
            base_url=f"http://{LOCALHOST}:{port}", headers=signed_in(folder), timeout=30
        ) as api,
    ):
        _wait_until_ready(api)
        yield process, api


def items(api: httpx.Client) -> int:
    """Items that the view holds, of every status."""
    return sum(int(float(count)) for count in _ITEMS.findall(api.get("/metrics").text))


def signed_in(folder: Path) -> dict[str, str]:
    """Headers of a Service Centre request, for a read side whose data is in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    token = subprocess.run(
        [sys.executable, "-m", "fdt", "token", "--role", "service-centre"],
        env={**os.environ, "FDT_DATA_DIR": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    return {"Authorization": f"Bearer {token.stdout.strip()}"}


def _wait_until_ready(api: httpx.Client) -> None:
    deadline = time.monotonic() + _READY_S
    while time.monotonic() < deadline:
        try:
            if api.get("/readyz").status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass  # not listening yet
        time.sleep(0.2)
    raise RuntimeError("the read side was not ready in time")
