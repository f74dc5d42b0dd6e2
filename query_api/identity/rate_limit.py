"""How often one user may ask: a bucket a user that fills at an even rate.

Counted in memory. Read sides tell each other what was taken (``tell`` and :meth:`RateLimit.learn`),
a share of the limit at a time: so a user who goes from one to another gets, of each further one, at
most :data:`TOLD_SHARE` of the limit more. The limit keeps one user from taking the time of all, it
is no ledger.
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
"""Users remembered; whoever asked longest ago is forgotten first, with a full bucket."""
_MINUTE_S: Final = 60.0
TOLD_SHARE: Final = 1 / 16
"""Of the limit: what one read side lets a user take before it tells the others."""


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


Tell = Callable[[str, bytes, int], None]
"""Makes known to other read sides what was taken: limit, digest of the user, how many."""


def nobody_else(_limit: str, _user: bytes, _count: int) -> None:
    """There is no other read side."""


@dataclass(slots=True)
class _Taken:
    """What a user has taken."""

    full_at: float
    """When the bucket would be full again, as the time that was taken from it."""
    untold: int = 0
    """Of that, what other read sides do not know yet."""


class RateLimit:
    """``per_minute`` of something for each user, all at once if need be. Safe for many threads."""

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
        """Count one; :class:`TooMany` if that is one too many."""
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
        """Another read side has let the user, by digest, take so many, so long ago."""
        with self._lock:
            now = self._clock()
            left_s = count * self._step - max(0.0, ago_s)
            if left_s > 0:
                taken = self._of(user, now)
                taken.full_at = min(taken.full_at + left_s, now + _MINUTE_S)

    def allowance(self, user: str) -> Allowance:
        """What is left for a user; nothing is counted."""
        with self._lock:
            held = self._held.get(digest("user", user))
            taken = 0.0 if held is None else max(0.0, held.full_at - self._clock())
        left = math.floor((_MINUTE_S - taken) * self._per_minute / _MINUTE_S + 1e-6)
        return Allowance(self.what, self._per_minute, max(0, left), math.ceil(taken))

    def _of(self, key: bytes, now: float) -> _Taken:
        """What the user has taken, now the one seen last; a bucket that is full again tells
        nothing."""
        taken = self._held.pop(key, None)
        if taken is None or taken.full_at <= now:
            taken = _Taken(now)
        self._held[key] = taken
        if len(self._held) > _USERS_HELD:
            self._held.popitem(last=False)
        return taken
