"""Errors that a person can mend, each in one sentence, and the exit codes of commands.

The command line prints the sentence on standard error; every other exception is a defect of ours
and keeps its traceback.
"""

from __future__ import annotations

import errno
from typing import Final

from runtime.threads import Explained

INTERRUPTED: Final = 130
"""Exit code of a program that Ctrl-C ended, as a shell gives it."""

READER_GONE: Final = 141
"""The same for SIGPIPE."""


class UserError(Explained):
    """What is wrong and how to mend it, in one sentence; ends a command with exit code 2."""

    exit_code = 2


class RunFailed(UserError):
    """The command was correct and its work failed; ends it with exit code 1."""

    exit_code = 1


def no_broker(bootstrap: str, why: str) -> UserError:
    """No broker answers at ``bootstrap``."""
    return UserError(
        f"No Kafka broker answers at {bootstrap} ({why}): start it, or correct "
        "KAFKA_BOOTSTRAP_SERVERS."
    )


_DATA_FOLDER: Final = "name a folder that this user may write to with FDT_DATA_DIR"
_HINTS: Final = {
    errno.EADDRINUSE: "another program has it: set FDT_PROCESSOR_PORT to a free port",
    errno.EADDRNOTAVAIL: "this machine has no such address: set FDT_PROCESSOR_HOST to one it has",
    errno.ENOSPC: "make room, or name a folder on another disk with FDT_DATA_DIR",
    errno.EACCES: _DATA_FOLDER,
    errno.EPERM: _DATA_FOLDER,
    errno.EROFS: _DATA_FOLDER,
    errno.ENOTDIR: _DATA_FOLDER,
    errno.EEXIST: _DATA_FOLDER,
    errno.EMFILE: "let this program open more files (ulimit -n)",
}


def of_system(error: OSError) -> UserError:
    """The sentence for an ``OSError`` of a long-running program, with advice."""
    told = str(error.strerror or error)
    where = f" ({error.filename})" if error.filename else ""
    return UserError(f"{told}{where}: {_HINTS.get(error.errno or 0, 'look at the log above')}.")
