"""Limits the warnings that Kafka's clients repeat while a broker is away.

Twenty lines a second would bury our own messages. The first is logged, then one every half minute,
with the number of those that were not. :mod:`runtime.logs.program` installs the filter.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

EVERY_S: Final = 30.0
REPEATING: Final = ("aiokafka", "librdkafka")
"""Loggers whose warnings are limited; two that differ only in digits count as the same."""
_NUMBERS: Final = re.compile(r"\d+")
_LONGEST: Final = 200
"""Characters of a warning that are compared."""
_KINDS: Final = 1_000
"""Most warnings that are remembered."""


@dataclass(slots=True)
class _Said:
    at: float
    held_back: int = 0


class Seldom(logging.Filter):
    """Lets a warning pass that was not logged within the last :data:`EVERY_S` seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._lock = threading.Lock()
        self._said: dict[tuple[str, str], _Said] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is logged; if so, it says how many like it were not."""
        repeats = record.name.partition(".")[0] in REPEATING
        if not repeats or record.levelno < logging.WARNING:
            return True
        told, now = record.getMessage(), self._clock()
        key = (record.name, _NUMBERS.sub("", told)[:_LONGEST])
        with self._lock:
            said = self._said.get(key)
            if said is not None and now - said.at < EVERY_S:
                said.held_back += 1
                return False
            if len(self._said) >= _KINDS:
                self._said.clear()
            self._said[key] = _Said(now)
        if said is not None and said.held_back:
            record.msg = f"{told} ({said.held_back} more like it were not logged)"
            record.args = ()
        return True
