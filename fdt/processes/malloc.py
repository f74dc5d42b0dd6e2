"""Makes glibc's malloc keep less memory; called by the worker and the read side.

glibc gives each thread of a process an arena of its own, up to eight for a core, and each keeps the
most it ever needed: a worker at full rate had seven of 60 MiB, most of it free. And once a large
block was given back, it takes blocks of that size (a fetch, a memtable) from the arenas too, where
small ones that live longer then fragment them.
"""

from __future__ import annotations

import ctypes
import os
from typing import Final

_ARENA_MAX: Final = ("MALLOC_ARENA_MAX", -8, 2)
_MMAP_THRESHOLD: Final = ("MALLOC_MMAP_THRESHOLD_", -3, 1024 * 1024)
"""A block from this size on is given back to the system when it is freed. Setting it keeps glibc
from raising it."""


def keep_malloc_small() -> None:
    """Call it before there are threads. The environment's ``MALLOC_…`` take precedence; does
    nothing where the C library is not glibc."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    for variable, parameter, value in (_ARENA_MAX, _MMAP_THRESHOLD):
        if variable not in os.environ:
            mallopt(parameter, value)
