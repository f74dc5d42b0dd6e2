"""How often one user may ask: a bucket a user that fills at an even rate.

Counted in each instance by itself, in memory: the limit keeps one user from taking the time of all,
it is no ledger.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_USERS_HELD: Final = 10_000
"""Users remembered; whoever asked longest ago is forgotten first, with a full bucket."""
_MINUTE_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a user may still ask."""

    name: str
    per_minute: int
    left: int
    """How many more at once."""
    full_in_s: int
    """After how many seconds without any it is the whole number again."""


class TooMany(Exception):
    """The user has asked too often; ``retry_after_s`` is when the next try will be answered."""

    def __init__(self, what: str, per_minute: int, retry_after_s: int) -> None:
        super().__init__(
            f"You have made more than {per_minute} {what} in a minute. "
            f"Try again in {retry_after_s} second{'' if retry_after_s == 1 else 's'}."
        )
        self.retry_after_s = retry_after_s


class RateLimit:
    """``per_minute`` of something for each user, all at once if need be. Safe for many threads."""

    def __init__(
        self, what: str, per_minute: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._what = what
        self._per_minute = per_minute
        self._clock = clock
        self._lock = threading.Lock()
        self._empty_at: OrderedDict[str, float] = OrderedDict()
        """User -> when the bucket would be full again, as the time that was taken from it."""

    def take(self, user: str) -> None:
        """Count one; :class:`TooMany` if that is one too many."""
        step = _MINUTE_S / self._per_minute
        with self._lock:
            now = self._clock()
            full_at = max(self._empty_at.pop(user, now), now)
            late = full_at + step - now - _MINUTE_S
            if late > 1e-9:
                self._remember(user, full_at)
                raise TooMany(self._what, self._per_minute, math.ceil(late))
            self._remember(user, full_at + step)

    def allowance(self, user: str) -> Allowance:
        """What is left for a user; nothing is counted."""
        with self._lock:
            taken = max(0.0, self._empty_at.get(user, 0.0) - self._clock())
        left = math.floor((_MINUTE_S - taken) * self._per_minute / _MINUTE_S + 1e-6)
        return Allowance(self._what, self._per_minute, max(0, left), math.ceil(taken))

    def _remember(self, user: str, full_at: float) -> None:
        self._empty_at[user] = full_at
        if len(self._empty_at) > _USERS_HELD:
            self._empty_at.popitem(last=False)
