"""How the interpreter shares its time: set once, when a long-lived process begins its work."""

from __future__ import annotations

import gc
import sys
from typing import Final

SWITCH_S: Final = 0.001
"""How long a thread keeps the interpreter while others want it. Event loops want it often and
shortly: behind threads that fold or apply, at the default of 5 ms, a batch of a partition without
backlog took two seconds on its way, and a look-up 0.2 s."""


def settle(young: int) -> None:
    """Threads hand the interpreter on soon; what the start made is never looked through again.

    The collector looks at new objects after ``young`` more of them were made than freed. What a
    process has in hand is many objects, few of them in cycles: looking through the worker's cost
    1.4 us an event at a threshold of 100,000.
    """
    sys.setswitchinterval(SWITCH_S)
    gc.collect()
    gc.freeze()
    gc.set_threshold(young, 20, 100)
