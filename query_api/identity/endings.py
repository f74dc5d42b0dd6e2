"""What was ended before its time: sessions, all sessions of somebody, sign-ins that were used.

A cookie says by itself who has signed in, so whatever ends it early has to be remembered until the
cookie is worth nothing in any case. Ends of other read sides come in through :meth:`Endings.learn`;
``tell`` makes our own known to them.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

FOR_EVER: Final = float("inf")


class EndingsUnknown(RuntimeError):
    """What other read sides have ended is not known, so nobody's session can be believed."""


@dataclass(frozen=True, slots=True)
class Ending:
    """One end. Times are seconds since 1970 UTC."""

    what: bytes
    """:func:`digest` of what has ended."""
    needed_until: float
    """When no cookie that it concerns is worth anything any more."""
    signed_in_by: float = FOR_EVER
    """Sign-ins up to this time have ended, by the identity provider's clock."""


Tell = Callable[[Ending], bool]
"""Makes an end known to other read sides; whether it is certain that they will hear of it."""


def nobody_else(_: Ending) -> bool:
    """There is no other read side."""
    return True


def digest(kind: str, name: str) -> bytes:
    """What stands for a session, a user, a sign-in where ends are told and remembered."""
    return hashlib.sha256(f"{kind}\n{name}".encode()).digest()


class Endings:
    """Every end that still matters. Safe for many threads."""

    def __init__(self, tell: Tell = nobody_else, clock: Callable[[], float] = time.time) -> None:
        self._tell = tell
        self._clock = clock
        self._lock = threading.Lock()
        self._held: dict[bytes, Ending] = {}
        self._swept_at = clock()
        self.unknown_because: Callable[[], str | None] = lambda: None
        """Why ends of other read sides may be missing here, if so."""

    def end(self, ending: Ending) -> bool:
        """It holds here at once; whether it is certain that it will hold everywhere."""
        self.learn(ending)
        return self._tell(ending)

    def learn(self, ending: Ending) -> None:
        """What another read side, or this one, has ended."""
        with self._lock:
            self._sweep()
            held = self._held.get(ending.what)
            if held is not None:
                ending = Ending(
                    ending.what,
                    max(held.needed_until, ending.needed_until),
                    max(held.signed_in_by, ending.signed_in_by),
                )
            self._held[ending.what] = ending

    def covers(self, what: bytes, signed_in_at: float = 0.0) -> bool:
        """Whether a sign-in of then has been ended under this name; :class:`EndingsUnknown`."""
        if (why := self.unknown_because()) is not None:
            raise EndingsUnknown(why)
        with self._lock:
            held = self._held.get(what)
        return held is not None and signed_in_at <= held.signed_in_by

    def _sweep(self) -> None:
        """Forget, once a minute at most, what matters no more."""
        now = self._clock()
        if now - self._swept_at < 60.0:
            return
        self._swept_at = now
        self._held = {what: one for what, one in self._held.items() if one.needed_until > now}
