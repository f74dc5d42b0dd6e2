"""Errors that a person can mend, told in one sentence; exit codes.

The command line prints the sentence on standard error; every other exception is a defect of ours
and keeps its traceback.
"""

from __future__ import annotations

import errno
from typing import Final

from runtime.threads import Explained

INTERRUPTED: Final = 130
"""As a shell says it of a program that Ctrl-C ended."""

READER_GONE: Final = 141
"""The same of SIGPIPE."""


class UserError(Explained):
    """What is wrong and how to mend it, in one sentence; ends a command with exit code 2."""

    exit_code = 2


class RunFailed(UserError):
    """The command was right and its work failed all the same; ends it with exit code 1."""

    exit_code = 1


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
    """What the system did not let a program that stays do, and what to do about it."""
    told = str(error.strerror or error)
    where = f" ({error.filename})" if error.filename else ""
    return UserError(f"{told}{where}: {_HINTS.get(error.errno or 0, 'look at the log above')}.")
