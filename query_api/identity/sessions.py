"""Sessions of signed-in browsers, kept sealed in the browser's cookie.

Every read side with the same keys can open the cookie, and none stores sessions. The end of a
session cannot be seen in a cookie: ends are remembered, and published to the other read sides
(:mod:`query_api.identity.endings`). Each answer to an action of the user renews the cookie with the
present time, so that both time-outs are exact to the second if the clocks agree.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from query_api.identity.access import Caller, Role
from query_api.identity.endings import Ending, Endings, digest
from query_api.identity.sealing_keys import NotSealedHere, SealingKeys
from query_api.web import base64url
from schemas.identifiers import Eui64

logger = logging.getLogger(__name__)

LONGEST_COOKIE: Final = 3_800
"""Characters of a cookie's value: browsers keep 4,096 with name and attributes."""
CLOCKS_DIFFER_S: Final = 30.0
"""Tolerated difference of clocks; a cookie further in the future is logged."""
_NAME_BYTES: Final = 16
_TOKEN_BYTES: Final = 32
_PURPOSE: Final = "session"
_ID_TOKEN: Final = "id-token"


class TooLarge(ValueError):
    """The user's session does not fit into a cookie."""


@dataclass(frozen=True, slots=True)
class Session:
    """One signed-in browser. Times are seconds since 1970 UTC."""

    name: bytes
    """Random; it occurs only in the sealed cookie."""
    caller: Caller
    began_at: float
    used_at: float
    provider_session: str = ""
    """ID of the identity provider's own session; empty if it gives none."""
    signed_in_at: float = 0.0
    """By the identity provider's clock."""

    def proof(self, what: str) -> str:
        """MAC of ``what`` a page shows, with which the page can refresh that and nothing else."""
        return base64url.encode(self._derived("shown", what)[:_NAME_BYTES])

    def has_shown(self, what: str, proof: str) -> bool:
        """Whether ``proof`` is the MAC of ``what`` for this session."""
        return hmac.compare_digest(self.proof(what).encode(), proof.encode())

    def form_token(self) -> str:
        """The CSRF token for a form. It is masked anew each time, so that the length of a
        compressed page reveals nothing about it (BREACH)."""
        mask = secrets.token_bytes(_TOKEN_BYTES)
        return (mask + _masked(mask, self._csrf())).hex()

    def accepts(self, form_token: str) -> bool:
        """Whether ``form_token`` is a CSRF token of this session."""
        try:
            data = bytes.fromhex(form_token)
        except ValueError:
            return False
        mask, masked = data[:_TOKEN_BYTES], data[_TOKEN_BYTES:]
        return len(data) == 2 * _TOKEN_BYTES and hmac.compare_digest(
            _masked(mask, masked), self._csrf()
        )

    def _csrf(self) -> bytes:
        return self._derived("form", "")

    def _derived(self, purpose: str, text: str) -> bytes:
        return hmac.digest(self.name, f"{purpose}\n{text}".encode(), hashlib.sha256)


class _Content(msgspec.Struct, array_like=True):
    """The sealed content of a session cookie."""

    name: bytes
    subject: str
    shown_name: str
    roles: list[str]
    user_ids: bytes
    began_at: float
    used_at: float
    provider_session: str
    signed_in_at: float


_decode = msgspec.msgpack.Decoder(_Content).decode
_EUI_OCTETS: Final = 8


class Sessions:
    """Makes, opens and ends sessions. Safe for many threads."""

    def __init__(
        self,
        idle_s: float,
        absolute_s: float,
        keys: SealingKeys | None = None,
        endings: Endings | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.idle_s = idle_s
        self.absolute_s = absolute_s
        self._keys = keys or SealingKeys()
        self._endings = endings or Endings(clock=clock)
        self._clock = clock
        self._warned_at = -CLOCKS_DIFFER_S

    def begin(
        self, caller: Caller, provider_session: str = "", signed_in_at: float | None = None
    ) -> str:
        """The cookie of a new session; :class:`TooLarge`."""
        now, name = self._clock(), secrets.token_bytes(_NAME_BYTES)
        by_provider = float(int(now)) if signed_in_at is None else signed_in_at  # in whole seconds
        return self.sealed(Session(name, caller, now, now, provider_session, by_provider))

    def sealed(self, session: Session) -> str:
        """The cookie of a session; :class:`TooLarge`."""
        caller = session.caller
        content = _Content(
            session.name,
            caller.subject,
            caller.name,
            sorted(caller.roles),
            b"".join(bytes.fromhex(one.replace("-", "")) for one in sorted(caller.user_ids)),
            session.began_at,
            session.used_at,
            session.provider_session,
            session.signed_in_at,
        )
        text = self._keys.seal(_PURPOSE, msgspec.msgpack.encode(content))
        if len(text) > LONGEST_COOKIE:
            raise TooLarge(
                f"Your account has {len(caller.user_ids)} User IDs, more than a browser keeps: "
                "ask your administrator to give it fewer."
            )
        return text

    def find(self, cookie: str, *, renew: bool = True) -> Session | None:
        """The live session of a cookie, or ``None``; its idle time starts anew unless ``renew`` is
        false. The caller sends it to the browser again, sealed.

        Raises :class:`~query_api.identity.endings.EndingsUnknown`.
        """
        session = self._opened(cookie)
        if session is None or self._has_ended(session):
            return None
        return replace(session, used_at=self._clock()) if renew else session

    def end(self, cookie: str) -> bool:
        """End a session on every read side; whether it is certain that all will apply it."""
        session = self._opened(cookie)
        if session is None or self._until(session) <= self._clock():
            return True
        return self._endings.end(Ending(_of_session(session), self._until(session)))

    def end_of_provider(self, provider_session: str | None, subject: str, by: float) -> bool:
        """End one of the identity provider's sessions, or all sessions of a user that began up to
        ``by`` (seconds since 1970 UTC, by the provider's clock); whether it is certain that all
        read sides will apply it."""
        until = self._clock() + self.absolute_s + CLOCKS_DIFFER_S
        if provider_session is not None:
            return self._endings.end(Ending(_of_provider(provider_session), until))
        return self._endings.end(Ending(_of_user(subject), until, by))

    def sealed_id_token(self, cookie: str, id_token: str) -> str | None:
        """The ID token, sealed for a cookie that lasts until the sign-out. ``None`` if it is too
        large: the provider then asks the user to confirm the sign-out."""
        session = self._opened(cookie)
        assert session is not None
        text = self._keys.seal(_ID_TOKEN, session.name + id_token.encode())
        if len(text) > LONGEST_COOKIE:
            logger.warning("an ID token of %d characters is not kept", len(id_token))
            return None
        return text

    def id_token(self, session: Session, text: str) -> str | None:
        """The ID token of this session from its cookie; ``None`` if the cookie is not its own."""
        try:
            content = self._keys.open(_ID_TOKEN, text)
        except NotSealedHere:
            return None
        name, token = content[:_NAME_BYTES], content[_NAME_BYTES:]
        return token.decode() if hmac.compare_digest(name, session.name) else None

    def _opened(self, cookie: str) -> Session | None:
        try:
            content = _decode(self._keys.open(_PURPOSE, cookie))
        except (NotSealedHere, msgspec.MsgspecError):
            return None
        return self._clamped(
            Session(
                content.name,
                _caller_of(content),
                content.began_at,
                content.used_at,
                content.provider_session,
                content.signed_in_at,
            )
        )

    def _clamped(self, session: Session) -> Session:
        """``session`` with times in the future set to now: a session from a read side whose clock
        is ahead lasts longer here by that difference."""
        now = self._clock()
        ahead = max(session.used_at, session.began_at) - now
        if ahead > CLOCKS_DIFFER_S and now - self._warned_at > CLOCKS_DIFFER_S:
            self._warned_at = now
            logger.warning("a session's cookie is from %.0f s ahead: set the clocks", ahead)
        if ahead <= 0:
            return session
        return replace(
            session, began_at=min(session.began_at, now), used_at=min(session.used_at, now)
        )

    def _has_ended(self, session: Session) -> bool:
        now = self._clock()
        if now - session.used_at >= self.idle_s or now - session.began_at >= self.absolute_s:
            return True
        names = [_of_session(session), _of_user(session.caller.subject)]
        if session.provider_session:
            names.append(_of_provider(session.provider_session))
        return any(self._endings.covers(name, session.signed_in_at) for name in names)

    def _until(self, session: Session) -> float:
        return session.began_at + self.absolute_s + CLOCKS_DIFFER_S


def _caller_of(content: _Content) -> Caller:
    octets = content.user_ids
    ids = (octets[at : at + _EUI_OCTETS] for at in range(0, len(octets), _EUI_OCTETS))
    return Caller(
        content.subject,
        frozenset(Eui64(one.hex("-").upper()) for one in ids),
        frozenset(map(Role, content.roles)),
        content.shown_name,
    )


def _of_session(session: Session) -> bytes:
    return digest("session", session.name.hex())


def _of_provider(provider_session: str) -> bytes:
    return digest("provider-session", provider_session)


def _of_user(subject: str) -> bytes:
    return digest("user", subject)


def _masked(mask: bytes, data: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(mask, data, strict=True))
