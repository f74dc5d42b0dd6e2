"""Ends the process when nothing moves although there is something to read.

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

_LOOK_S: Final = 1.0


class Watchdog:
    """Looks for a stall of ``limit_s`` seconds.

    ``progress`` changes with every step forward; ``waiting`` is what is left undone although it
    could be done, asked only when nothing moved, or ``LogUnavailable``: then the outage is to be
    waited for. ``end`` ends the process.
    """

    def __init__(
        self,
        *,
        limit_s: float,
        progress: Callable[[], object],
        waiting: Callable[[], str | None],
        end: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit_s = limit_s
        self._progress = progress
        self._waiting = waiting
        self._end = end
        self._clock = clock
        self._seen: object = None
        self._since = clock()

    def look(self) -> None:
        """Once."""
        now, seen = self._clock(), self._progress()
        if seen != self._seen:
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
