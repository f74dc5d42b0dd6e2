"""Logout tokens (OpenID Connect Back-Channel Logout 1.0), for the screen's back-channel route.

The provider posts one to every client when a user signs out anywhere, or is signed out by an
administrator.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from query_api.identity.access_tokens import Authenticator, Claims
from query_api.identity.keys import KeySource
from query_api.web.problems import Problem

EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"


@dataclass(frozen=True, slots=True)
class LoggedOut:
    """Who was signed out at the provider."""

    provider_session: str | None
    """The provider's session; ``None`` for all sessions of the user."""
    subject: str
    at: float
    """Seconds since 1970 UTC by the provider's clock."""


class LogoutTokens:
    """Reads logout tokens of one provider for one client."""

    def __init__(self, issuer: str, keys: KeySource, client_id: str) -> None:
        self._tokens = Authenticator({issuer: keys}, client_id, Claims(), required=("exp", "iat"))

    def read(self, token: str) -> LoggedOut:
        """Who was signed out; a problem if this is not the provider's logout token for this
        client."""
        claims = self._tokens.verified(token)
        events = claims.get("events")
        if not isinstance(events, dict) or EVENT not in events or "nonce" in claims:
            raise _refused("it is not a logout token")
        session, subject = claims.get("sid"), claims.get("sub")
        if not isinstance(session, str) and not isinstance(subject, str):
            raise _refused("it names neither a session (sid) nor a user (sub)")
        return LoggedOut(
            session if isinstance(session, str) else None,
            subject if isinstance(subject, str) else "",
            float(claims["iat"]),
        )


def _refused(why: str) -> Problem:
    return Problem("invalid-body", f"logout_token: {why}.")
