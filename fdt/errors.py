"""Errors that a person can mend, told in one sentence; exit codes.

The command line prints the sentence on standard error; every other exception is a defect of ours
and keeps its traceback.
"""

from __future__ import annotations

from typing import Final

INTERRUPTED: Final = 130
"""As a shell says it of a program that Ctrl-C ended."""

READER_GONE: Final = 141
"""The same of SIGPIPE."""


class UserError(Exception):
    """What is wrong and how to mend it, in one sentence; ends a command with exit code 2."""

    exit_code = 2


class RunFailed(UserError):
    """The command was right and its work failed all the same; ends it with exit code 1."""

    exit_code = 1
