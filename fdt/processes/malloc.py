"""glibc's malloc, told to take what a process uses and to give back what it needed for a moment.

glibc gives each of a process's threads an arena of its own, up to eight for a core, and each keeps
what it once needed at most: a worker at full rate had seven of 60 MiB, most of it free. And once a
large block was given back, it takes blocks of that size (a fetch, a memtable) from the arenas too,
where small ones that live longer come to lie between them.
"""

from __future__ import annotations

import ctypes
import os
from typing import Final

_ARENA_MAX: Final = ("MALLOC_ARENA_MAX", -8, 2)
_MMAP_THRESHOLD: Final = ("MALLOC_MMAP_THRESHOLD_", -3, 1024 * 1024)
"""A block from this size on is given back to the system when it is free. Saying so at all keeps
glibc from raising it."""


def keep_malloc_small() -> None:
    """To be called before there are threads. The environment's ``MALLOC_…`` have the last word;
    where the C library is another than glibc, nothing is done."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    for variable, parameter, value in (_ARENA_MAX, _MMAP_THRESHOLD):
        if variable not in os.environ:
            mallopt(parameter, value)
