"""Lets one process at a time use a name on a machine: a lock that ends with its holder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class NotAlone(RuntimeError):
    """Another process holds the name; the message says which, and what to do."""


@contextmanager
def only_one(path: Path, setting: str) -> Iterator[None]:
    """Hold the lock file at ``path``, with this process's id in it.

    :class:`NotAlone` if another process does; ``setting`` is what must differ between the two.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise NotAlone(
                f"Process {file.read().strip() or 'of unknown id'} on this machine works in "
                f"{path.parent} already: give each its own {setting}."
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
