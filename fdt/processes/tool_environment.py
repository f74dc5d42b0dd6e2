"""Makes Python environments for tools with other versions than ours, from a hashed lock.

The client's generator, the peers of the bench and the tools of the supply chain run in them. An
environment is kept until its lock changes.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path


def tool_environment(
    lock: Path, kept: Path, say: Callable[[str], None] = lambda told: None
) -> Path:
    """The folder of programs of an environment that holds what ``lock`` names, below ``kept``.

    ``say`` is told before one is made. Raises ``subprocess.CalledProcessError`` if that fails.
    """
    folder = kept / f"{lock.stem}-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    programs = folder / "bin"
    if not (folder / "made").exists():
        say(f"making the environment of {lock.name}")
        uv = Path(sys.executable).with_name("uv")
        shutil.rmtree(folder, ignore_errors=True)
        _run([uv, "venv", "--quiet", "--python", sys.executable, folder])
        python = programs / "python"
        _run([uv, "pip", "install", "--quiet", "--python", python, "--require-hashes", "-r", lock])
        (folder / "made").touch()
    return programs


def _run(command: list[str | Path]) -> None:
    subprocess.run(command, check=True)
