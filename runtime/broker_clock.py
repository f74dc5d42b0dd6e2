"""Estimates the broker's time from log-append times; for the worker and the read side."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class BrokerClock:
    """The broker's clock, as records show it. Safe for many threads.

    ``clock`` gives seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._ahead_ms: int | None = None
        """The broker's clock minus ours; never more than it really is."""

    def hear(self, broker_ms: int) -> None:
        """A record of this log-append time has come."""
        ahead = broker_ms - self._ours_ms()
        with self._lock:
            known = self._ahead_ms
            self._ahead_ms = ahead if known is None else max(known, ahead)

    def now(self) -> int:
        """The broker's present time in milliseconds, or a little before it; 0 while nothing is
        known.

        It goes on though nothing is written.
        """
        with self._lock:
            ahead = self._ahead_ms
        return 0 if ahead is None else ahead + self._ours_ms()

    def _ours_ms(self) -> int:
        return int(self._clock() * 1000)
