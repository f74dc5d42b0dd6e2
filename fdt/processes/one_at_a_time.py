"""Lets one command of a kind at a time into a folder: a lock that ends with its holder."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fdt.errors import UserError


@contextmanager
def one_at_a_time(lock: Path, busy: str) -> Iterator[None]:
    """Hold the lock file; :class:`~fdt.errors.UserError` with ``busy`` if another command does."""
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(busy) from None
        yield
