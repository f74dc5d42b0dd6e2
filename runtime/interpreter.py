"""How the interpreter shares its time between the threads of a long-lived process."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

SWITCH_S: Final = 0.001
"""How long a thread keeps the interpreter while others want it. Event loops want it often and
shortly: behind threads that fold or apply, at the default of 5 ms, a batch of a partition without
backlog took two seconds on its way, and a look-up 0.2 s."""

LARGE: Final = 1_000
"""Records from which on work is large: to fold them takes some 20 ms."""

_LARGE_WORK: Final = threading.Lock()


@contextmanager
def large_work_alone(records: int) -> Iterator[None]:
    """Pieces of large work run one after the other; small work runs at once beside them.

    Threads that fold at the same time take the interpreter from each other every :data:`SWITCH_S`,
    and each then finds its data gone from the processor's cache (measured: 12 % of the rate). A
    thread that waits here lets others read, write and wait for the broker meanwhile.
    """
    if records < LARGE:
        yield
        return
    with _LARGE_WORK:
        yield


def settle(young: int) -> None:
    """Set switch interval and garbage collection; call it when the start is over and work begins.

    Objects made so far are never collected. The collector looks at new objects after ``young`` more
    of them were made than freed. A batch is many objects, few of them in cycles: looking through
    the worker's cost 1.4 us an event at a threshold of 100,000.
    """
    sys.setswitchinterval(SWITCH_S)
    gc.collect()
    gc.freeze()
    gc.set_threshold(young, 20, 100)
