"""Reports progress in offsets: a bar on a terminal, else log lines from time to time."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from typing import Final

from runtime.logs.fields import about

logger = logging.getLogger(__name__)

LINE_S: Final = 2.0
_WIDTH: Final = 30


class Reporter:
    """Reports how many offsets are applied; calls ``step`` each time, for the watchdog."""

    def __init__(self, step: Callable[[], None]) -> None:
        self._step = step
        self._next: dict[int, float] = {}

    def __call__(self, number: int, done: int, total: int) -> None:
        """``done`` of ``total`` offsets of partition ``number``."""
        self._step()
        now = time.monotonic()
        due = self._next.setdefault(number, now + LINE_S)
        if sys.stderr.isatty():
            print(f"\r{bar(number, done, total)}", end="", file=sys.stderr, flush=True)
            if done >= total:
                print(file=sys.stderr)
        elif now >= due:
            logger.info("%s", bar(number, done, total), extra=about(partition=number))
            self._next[number] = now + LINE_S


def bar(number: int, done: int, total: int) -> str:
    """The line with the bar."""
    share = done / total if total else 1.0
    filled = "#" * int(_WIDTH * share)
    return f"partition {number}: [{filled:<{_WIDTH}}] {share:4.0%} of {total:,} offsets read"
