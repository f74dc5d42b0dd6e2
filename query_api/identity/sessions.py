"""Signed-in browsers: a random name in a cookie, everything else in the memory of this instance.

So nothing about the user is in the cookie, signing out ends a session wherever its cookie was
copied to, and both time-outs are exact. An instance that starts anew sends its users to the
identity provider once, which knows them still.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from query_api.identity.access import Caller

_SESSIONS_HELD: Final = 20_000
_SHOWN_HELD: Final = 200
_TOKEN_BYTES: Final = 32


@dataclass(slots=True)
class Session:
    """One signed-in browser. Times are seconds of the store's clock."""

    caller: Caller
    id_token: str
    """Handed back to the provider at the sign-out."""
    csrf: bytes
    began_at: float
    used_at: float
    shown: OrderedDict[str, None] = field(default_factory=OrderedDict)
    """What a refresh may show again without being a new look-up."""

    def has_shown(self, what: str) -> bool:
        """Whether this session was shown ``what`` before."""
        return what in self.shown

    def show(self, what: str) -> None:
        """Remember what is shown; the oldest is forgotten."""
        self.shown[what] = None
        if len(self.shown) > _SHOWN_HELD:
            self.shown.popitem(last=False)

    def form_token(self) -> str:
        """The token that a form of this session carries; each time in other letters, so that its
        length in a compressed page tells nothing about it."""
        mask = secrets.token_bytes(_TOKEN_BYTES)
        return (mask + _masked(mask, self.csrf)).hex()

    def accepts(self, form_token: str) -> bool:
        """Whether a form carries a token of this session."""
        try:
            data = bytes.fromhex(form_token)
        except ValueError:
            return False
        mask, masked = data[:_TOKEN_BYTES], data[_TOKEN_BYTES:]
        return len(data) == 2 * _TOKEN_BYTES and hmac.compare_digest(
            _masked(mask, masked), self.csrf
        )


class Sessions:
    """All sessions of this instance. Safe for many threads."""

    def __init__(
        self, idle_s: float, absolute_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.idle_s = idle_s
        self.absolute_s = absolute_s
        self._clock = clock
        self._lock = threading.Lock()
        self._held: OrderedDict[bytes, Session] = OrderedDict()

    def begin(self, caller: Caller, id_token: str) -> str:
        """A new session; the name that goes into the cookie."""
        name, now = secrets.token_urlsafe(32), self._clock()
        session = Session(caller, id_token, secrets.token_bytes(_TOKEN_BYTES), now, now)
        with self._lock:
            self._forget_ended(now)
            self._held[_key(name)] = session
            if len(self._held) > _SESSIONS_HELD:
                self._held.popitem(last=False)
        return name

    def find(self, name: str, *, renew: bool = True) -> Session | None:
        """The live session of that name; its idle time begins anew unless ``renew`` is false."""
        with self._lock:
            now, key = self._clock(), _key(name)
            session = self._held.get(key)
            if session is None:
                return None
            if self._has_ended(session, now):
                del self._held[key]
                return None
            if renew:
                session.used_at = now
                self._held.move_to_end(key)
            return session

    def end(self, name: str) -> Session | None:
        """End a session; what it was, if it was there."""
        with self._lock:
            return self._held.pop(_key(name), None)

    def _has_ended(self, session: Session, now: float) -> bool:
        return now - session.used_at >= self.idle_s or now - session.began_at >= self.absolute_s

    def _forget_ended(self, now: float) -> None:
        """From the one unused for longest, as far as they have ended."""
        while self._held and self._has_ended(next(iter(self._held.values())), now):
            self._held.popitem(last=False)


def _key(name: str) -> bytes:
    """A copy of the memory would else be a list of cookies."""
    return hashlib.sha256(name.encode()).digest()


def _masked(mask: bytes, data: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(mask, data, strict=True))
