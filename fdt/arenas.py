"""Fewer malloc arenas, so that a process takes what it uses.

glibc gives each of a process's threads an arena of its own, up to eight for a core, and each keeps
what it once needed at most: a worker at full rate had seven of 60 MiB, most of it free.
"""

from __future__ import annotations

import ctypes
import os
from typing import Final

_M_ARENA_MAX: Final = -8
"""``mallopt(3)``."""
_ARENAS: Final = 2


def limit_arenas() -> None:
    """To be called before there are threads. ``MALLOC_ARENA_MAX`` has the last word; where the C
    library is another than glibc, nothing is done."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None and "MALLOC_ARENA_MAX" not in os.environ:
        mallopt(_M_ARENA_MAX, _ARENAS)
