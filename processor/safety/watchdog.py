"""Ends the process when nothing moves although there is something to read, or it does not end in
order when it is told to.

Clients and event loops have hung in ways that looked healthy (after an outage, a rebalance that
never came to an end). The watchdog is a thread of its own and asks the broker itself, so it depends
on nothing that could hang with the rest. A process that ends is started again, and goes on where it
was.
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
"""What an end in order may take: less than a supervisor waits. A batch in hand takes a second; one
whose transaction waits for a broker that is away would take for ever."""
_LOOK_S: Final = 1.0


class Watchdog:
    """Looks for a stall of ``limit_s`` seconds.

    ``progress`` changes with every step forward; ``waiting`` is what is left undone although it
    could be done, asked only when nothing moved, or ``LogUnavailable``: then the outage is to be
    waited for. ``stopping`` says whether the process was told to end. ``end`` ends it.
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
        """Once."""
        now, seen = self._clock(), self._progress()
        if self._stopping():
            self._see_the_end(now)
        elif seen != self._seen:
            self._seen, self._since = seen, now
        elif now - self._since >= self._limit_s:
            self._suspect()

    def start(self) -> None:
        """Look once a second until the process ends; a watchdog that ends, ends it."""
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
        """What is not committed counts for nothing, and is read again."""
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
    """At once: whatever hangs could also hang an end in order, and nothing needs one."""
    logger.critical("the processor stops: %s", why)
    logging.shutdown()
    os._exit(code)
