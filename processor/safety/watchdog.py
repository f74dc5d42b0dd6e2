"""The watchdog: ends the process when it makes no progress although there are records to read, or
does not end in order when it is stopped.

Clients and event loops have hung while they looked healthy (after an outage; in a rebalance that
never ended). The watchdog has a thread of its own and asks the broker itself, so that it cannot
hang with the rest. A supervisor starts the process again, which continues where it was.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from typing import Final, NoReturn

from processor.partition.status_log import LogUnavailable
from runtime.threads import watched

logger = logging.getLogger(__name__)

EXIT_FAILED: Final = 1
EXIT_STALLED: Final = 70

ORDERLY_END_S: Final = 12.0
"""Longest duration of an end in order, less than a supervisor waits. A batch in flight takes a
second, but one whose transaction waits for a broker that is away would never end."""
_LOOK_S: Final = 1.0


class Watchdog:
    """Looks for a stall of ``limit_s`` seconds.

    ``progress`` gives a value that changes with every step of work. ``waiting`` is called when it
    has not changed: it gives the work that could be done, or ``None``, and raises
    ``LogUnavailable`` in an outage, which is waited for. ``stopping`` says whether the process was
    told to end. ``end`` ends it, with the reason.
    """

    def __init__(
        self,
        *,
        limit_s: float,
        progress: Callable[[], object],
        waiting: Callable[[], str | None],
        end: Callable[[str], None],
        stopping: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit_s = limit_s
        self._progress = progress
        self._waiting = waiting
        self._end = end
        self._stopping = stopping
        self._told_at: float | None = None
        self._clock = clock
        self._seen: object = None
        self._since = clock()

    def look(self) -> None:
        """Check once."""
        now, seen = self._clock(), self._progress()
        if self._stopping():
            self._see_the_end(now)
        elif seen != self._seen:
            self._seen, self._since = seen, now
        elif now - self._since >= self._limit_s:
            self._suspect()

    def start(self) -> None:
        """Start the thread, which checks once a second. If the thread fails, the process ends."""
        watched(
            "watchdog",
            self._run,
            stopping=lambda: False,
            on_end=lambda error: self._end(f"the watchdog ended: {error}"),
        ).start()

    def _run(self) -> NoReturn:
        while True:
            time.sleep(_LOOK_S)
            self.look()

    def _see_the_end(self, now: float) -> None:
        """End the process if its end in order takes too long: what is not committed is read again
        after the next start."""
        if self._told_at is None:
            self._told_at = now
        elif now - self._told_at >= ORDERLY_END_S:
            self._end(
                f"it was told to end {ORDERLY_END_S:g} s ago, and a batch in hand, or the way out "
                "of the group, still waits for the broker; what is not committed is read again"
            )

    def _suspect(self) -> None:
        try:
            waiting = self._waiting()
        except LogUnavailable as error:
            logger.warning("nothing moves, and the broker does not answer: %s", error)
            waiting = None
        if waiting is not None and self._progress() == self._seen:
            self._end(f"nothing moved for {self._limit_s:g} s, and there is {waiting}")
        self._since = self._clock()


def end_process(why: str, code: int = EXIT_STALLED) -> None:
    """End the process at once: an end in order could hang too, and nothing depends on it."""
    logger.critical("the processor stops: %s", why)
    logging.shutdown()
    os._exit(code)
