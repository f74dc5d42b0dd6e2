"""``fdt --version``: which version this is, and of what it rests on."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from fdt.extras import DISTRIBUTION

RESTS_ON: Final = ("confluent-kafka", "faust-streaming", "rocksdict", "fastapi")


def told() -> str:
    """Name and version, a line each; the distribution first."""
    lines = [f"{DISTRIBUTION} {version(DISTRIBUTION)}", f"Python {platform.python_version()}"]
    return "\n".join([*lines, *(f"{name} {_version(name)}" for name in RESTS_ON)])


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
