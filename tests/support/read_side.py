"""A read side that is served, asked as the Service Centre does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from bench.read_side import signed_in
from fdt.processes.children import LOCALHOST


@contextmanager
def service_centre(folder: Path, port: int) -> Iterator[httpx.Client]:
    """A client of the read side on ``port``, whose data is in ``folder``."""
    with httpx.Client(base_url=f"http://{LOCALHOST}:{port}", headers=signed_in(folder)) as api:
        yield api


def until_answered(api: httpx.Client, device: str, within_s: float) -> dict[str, Any]:
    """The answer about a device, once there is one."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            answer = api.get(f"/v1/devices/{device}")
        except httpx.TransportError:
            answer = None
        if answer is not None and answer.is_success:
            found: dict[str, Any] = answer.json()
            return found
        time.sleep(0.5)
    raise AssertionError("the event was not answered")
