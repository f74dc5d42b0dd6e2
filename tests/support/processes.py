"""Commands of ours as real processes, ended by their own id and by nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path


@contextmanager
def running(*command: str, log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """``fdt COMMAND`` in the background with its output in ``log``; ended at the end of the
    ``with``. No log of any program may hold what only a terminal understands."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "fdt", *command],
            env={**os.environ, **environment},
            stdout=out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(30)
    assert b"\x1b" not in log.read_bytes()


def worker(
    bootstrap: str, folder: Path, *options: str, **environment: str
) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """``fdt process`` with its data in ``folder``, and its output in a file ``log`` there."""
    return running(
        "process",
        *options,
        log=folder / "log",
        KAFKA_BOOTSTRAP_SERVERS=bootstrap,
        FDT_DATA_DIR=str(folder),
        **environment,
    )
