"""Revocations: ended sessions, all sessions of a user, sign-ins that were used.

A cookie proves by itself who has signed in. Whatever ends it early has to be remembered until the
cookie expires. Ends at other read sides arrive through :meth:`Endings.learn`; ``tell`` publishes
the ends at this one.
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
    """Ends at other read sides may be missing here, so no session can be accepted."""


@dataclass(frozen=True, slots=True)
class Ending:
    """One revocation. Times are seconds since 1970 UTC."""

    what: bytes
    """:func:`digest` of what has ended."""
    needed_until: float
    """When every cookie concerned has expired, so that it can be forgotten."""
    signed_in_by: float = FOR_EVER
    """It concerns sign-ins up to this time, by the identity provider's clock."""


Tell = Callable[[Ending], bool]
"""Publishes an end to other read sides; whether it is certain that they will receive it."""


def nobody_else(_: Ending) -> bool:
    """``tell`` of a single read side."""
    return True


def digest(kind: str, name: str) -> bytes:
    """SHA-256 that identifies a session, user or sign-in in an :class:`Ending`."""
    return hashlib.sha256(f"{kind}\n{name}".encode()).digest()


class Endings:
    """The ends that are still needed. Safe for many threads."""

    def __init__(self, tell: Tell = nobody_else, clock: Callable[[], float] = time.time) -> None:
        self._tell = tell
        self._clock = clock
        self._lock = threading.Lock()
        self._held: dict[bytes, Ending] = {}
        self._swept_at = clock()
        self.unknown_because: Callable[[], str | None] = lambda: None
        """Gives the reason why ends at other read sides may be missing here, or ``None``."""

    def end(self, ending: Ending) -> bool:
        """Apply an end here at once; whether it is certain that all read sides will apply it."""
        self.learn(ending)
        return self._tell(ending)

    def learn(self, ending: Ending) -> None:
        """Take in an end from any read side; a later one of the same name extends it."""
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
        """Whether a sign-in at ``signed_in_at`` has been ended under this digest;
        :class:`EndingsUnknown`."""
        if (why := self.unknown_because()) is not None:
            raise EndingsUnknown(why)
        with self._lock:
            held = self._held.get(what)
        return held is not None and signed_in_at <= held.signed_in_by

    def _sweep(self) -> None:
        """Forget expired ends, once a minute at most."""
        now = self._clock()
        if now - self._swept_at < 60.0:
            return
        self._swept_at = now
        self._held = {what: one for what, one in self._held.items() if one.needed_until > now}
