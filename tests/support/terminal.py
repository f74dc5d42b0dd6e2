"""Commands of ours as an operator runs them: into a pipe, or on a terminal of a given width."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import struct
import subprocess
import sys
import termios
import threading
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass

import pytest

from fdt.cli import run

SECONDS = 120


@dataclass(frozen=True)
class Ended:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


def command(*words: str) -> list[str]:
    """``fdt`` with words."""
    return [sys.executable, "-m", "fdt", *words]


def piped(*words: str, **environment: str) -> Ended:
    """Into pipes, whatever this terminal is."""
    ended = subprocess.run(
        command(*words), env=_environment(environment), capture_output=True, timeout=SECONDS
    )
    return Ended(ended.returncode, ended.stdout.decode(), ended.stderr.decode())


def called(*words: str, **environment: str) -> Ended:
    """In this process: for many runs of a command whose imports take longer than its work."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        for name, value in environment.items():
            patch.setenv(name, value)
        code = run(words)
    return Ended(code, out.getvalue(), err.getvalue())


def on_terminal(width: int, *words: str, **environment: str) -> Ended:
    """On a pseudo-terminal of so many columns; standard error into a pipe."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    shown = bytearray()
    reader = threading.Thread(target=_read, args=(ours, shown), daemon=True)
    reader.start()
    ended = subprocess.run(
        command(*words),
        env=_environment({"TERM": "xterm", **environment}),
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.PIPE,
        timeout=SECONDS,
    )
    os.close(theirs)
    reader.join(10)
    os.close(ours)
    return Ended(ended.returncode, shown.decode().replace("\r\n", "\n"), ended.stderr.decode())


def _read(descriptor: int, shown: bytearray) -> None:
    """Until nobody writes to the terminal any more, which Linux calls an error."""
    while True:
        try:
            got = os.read(descriptor, 65_536)
        except OSError:
            return
        if not got:
            return
        shown += got


def _environment(others: dict[str, str]) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    return {**ours, **others}
