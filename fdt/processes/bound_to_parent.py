"""Runs a command that cannot outlive the process that asked for it, even one killed with -9.

Run as a file, ``python bound_to_parent.py PARENT_PID kernel|guard COMMAND...``: it ties itself to
the parent and then *becomes* the command, so the process id stays the same. A wrapper rather than
``preexec_fn``, because Python code between fork and exec can deadlock a program with threads.

``kernel``: Linux sends SIGKILL when the *thread* that started us ends, so it must be the main
thread. ``guard``: a small process watches both ends twice a second; for other systems and other
threads.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from typing import Final

KERNEL: Final = "kernel"
GUARD: Final = "guard"

_PR_SET_PDEATHSIG: Final = 1
_LOOK_SECONDS: Final = 0.5
_NOT_FOUND: Final = 127


def main(arguments: list[str]) -> None:
    """Ties this process to ``PARENT_PID`` and becomes ``COMMAND``."""
    parent, how, command = int(arguments[0]), arguments[1], arguments[2:]
    if how == KERNEL:
        die_with_parent_by_kernel()
    else:
        _leave_a_guard(parent)
    if os.getppid() != parent:  # it died before we were tied
        sys.exit(1)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"{command[0]} cannot be run: {error.strerror}.", file=sys.stderr)
        sys.exit(_NOT_FOUND)


def die_with_parent_by_kernel() -> None:
    """This process gets SIGKILL when the thread that started it ends."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")


def _leave_a_guard(parent: int) -> None:
    """Forks a process that kills this one when ``parent`` is gone, and ends when this one is
    gone."""
    guarded = os.getpid()
    if os.fork() != 0:
        return
    with open(os.devnull, "r+b") as nothing:  # or a reader of our output would wait for the guard
        for stream in (0, 1, 2):
            os.dup2(nothing.fileno(), stream)
    while os.getppid() == guarded:
        if not _exists(parent):
            os.kill(guarded, signal.SIGKILL)
        time.sleep(_LOOK_SECONDS)
    os._exit(0)


def _exists(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


if __name__ == "__main__":
    main(sys.argv[1:])
