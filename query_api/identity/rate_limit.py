"""Rate limits: a token bucket for each user, kept in memory.

Read sides publish what they granted (``tell`` and :meth:`RateLimit.learn`) whenever it reaches
:data:`TOLD_SHARE` of the limit. A user of several read sides gets at most that share more from each
further one: the limit protects other users, it does not count exactly.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from query_api.identity.endings import digest

_USERS_HELD: Final = 10_000
"""Users remembered; the least recent is forgotten first, and then has a full bucket."""
_MINUTE_S: Final = 60.0
TOLD_SHARE: Final = 1 / 16
"""Share of the limit that a read side grants to a user before it tells the others."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a user's limit."""

    name: str
    per_minute: int
    left: int
    """Further requests that would be granted now."""
    full_in_s: int
    """Seconds without requests until the whole limit is available."""


class TooMany(Exception):
    """The limit is exceeded; the next request is granted after ``retry_after_s`` seconds."""

    def __init__(self, what: str, per_minute: int, retry_after_s: int) -> None:
        super().__init__(
            f"You have made more than {per_minute} {what} in a minute. "
            f"Try again in {retry_after_s} second{'' if retry_after_s == 1 else 's'}."
        )
        self.retry_after_s = retry_after_s


Tell = Callable[[str, bytes, int], None]
"""Publishes to other read sides what was granted: limit, digest of the user, count."""


def nobody_else(_limit: str, _user: bytes, _count: int) -> None:
    """``tell`` of a single read side."""


@dataclass(slots=True)
class _Taken:
    """The state of a user's bucket."""

    full_at: float
    """When the bucket will be full, in seconds of the limit's clock."""
    untold: int = 0
    """Requests granted here that other read sides have not been told of."""


class RateLimit:
    """``per_minute`` requests for each user, which may come at once. Safe for many threads."""

    def __init__(
        self,
        what: str,
        per_minute: int,
        clock: Callable[[], float] = time.monotonic,
        tell: Tell = nobody_else,
    ) -> None:
        self.what = what
        self._per_minute = per_minute
        self._step = _MINUTE_S / per_minute
        self._clock = clock
        self._tell = tell
        self._tell_from = max(1, int(per_minute * TOLD_SHARE))
        self._lock = threading.Lock()
        self._held: OrderedDict[bytes, _Taken] = OrderedDict()

    def take(self, user: str) -> None:
        """Count one request; :class:`TooMany` if the limit is exceeded."""
        key = digest("user", user)
        with self._lock:
            now = self._clock()
            taken = self._of(key, now)
            late = taken.full_at + self._step - now - _MINUTE_S
            if late > 1e-9:
                raise TooMany(self.what, self._per_minute, math.ceil(late))
            taken.full_at += self._step
            taken.untold += 1
            tell = taken.untold if taken.untold >= self._tell_from else 0
            taken.untold -= tell
        if tell:
            self._tell(self.what, key, tell)

    def learn(self, user: bytes, count: int, ago_s: float) -> None:
        """Count what another read side granted to a user (by digest) ``ago_s`` seconds ago."""
        with self._lock:
            now = self._clock()
            left_s = count * self._step - max(0.0, ago_s)
            if left_s > 0:
                taken = self._of(user, now)
                taken.full_at = min(taken.full_at + left_s, now + _MINUTE_S)

    def allowance(self, user: str) -> Allowance:
        """What is left for a user; does not count as a request."""
        with self._lock:
            held = self._held.get(digest("user", user))
            taken = 0.0 if held is None else max(0.0, held.full_at - self._clock())
        left = math.floor((_MINUTE_S - taken) * self._per_minute / _MINUTE_S + 1e-6)
        return Allowance(self.what, self._per_minute, max(0, left), math.ceil(taken))

    def _of(self, key: bytes, now: float) -> _Taken:
        """The user's bucket, marked as the most recent; a new one if it was full."""
        taken = self._held.pop(key, None)
        if taken is None or taken.full_at <= now:
            taken = _Taken(now)
        self._held[key] = taken
        if len(self._held) > _USERS_HELD:
            self._held.popitem(last=False)
        return taken
