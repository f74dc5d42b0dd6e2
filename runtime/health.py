"""Which parts of a program do not work, and why; readiness, metrics and the log report it.

A part that does not work (a thread that ended, a client that failed for good, a partition that
nobody reads) is reported here, in one place, until it works again or the process has ended (I13,
I14).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping

from runtime.logs.fields import about

logger = logging.getLogger(__name__)


class Health:
    """The parts that do not work, each with the reason. Safe for many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._troubles: dict[str, str] = {}
        self._parts: set[str] = set()

    def trouble(self, part: str, why: str, level: int = logging.ERROR) -> None:
        """``part`` does not work, because of ``why``: one sentence that says how to mend it.

        Logged when it begins and when the reason changes, not at every repetition; at another
        ``level`` where it is no fault, as at the start.
        """
        with self._lock:
            self._parts.add(part)
            known = self._troubles.get(part)
            self._troubles[part] = why
        if known != why:
            logger.log(level, "%s: %s", part, why, extra=about(part=part))

    def well(self, part: str) -> None:
        """``part`` works, or works again."""
        with self._lock:
            self._parts.add(part)
            over = self._troubles.pop(part, None)
        if over is not None:
            logger.info("%s: well again (was: %s)", part, over, extra=about(part=part))

    def parts(self) -> list[str]:
        """Every part that has said something, by name."""
        with self._lock:
            return sorted(self._parts)

    def troubles(self) -> Mapping[str, str]:
        """Part -> why it does not work, by the part's name; empty when everything works."""
        with self._lock:
            return dict(sorted(self._troubles.items()))
