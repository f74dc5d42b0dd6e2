"""Sign-in with OpenID Connect (authorization code, PKCE, state, nonce), and sign-out.

A pending sign-in is sealed in a cookie of the browser that began it, so that any read side can
finish it. It can be used once, within ten minutes. The page to return to is in the cookie too,
never in an address.
"""

from __future__ import annotations

import hmac
import secrets
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import httpx2
import msgspec
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.httpx_client import OAuth2Client

from query_api.identity.access import Caller
from query_api.identity.access_tokens import Authenticator
from query_api.identity.endings import Ending, Endings, digest
from query_api.identity.provider_http import TIMEOUT_S, ProviderAway, ProviderHttp
from query_api.identity.sealing_keys import NotSealedHere, SealingKeys
from query_api.web.problems import Problem

SCOPE: Final = "openid profile"
UNDER_WAY_S: Final = 600.0

_PURPOSE: Final = "sign-in"
_LONGEST_PATH: Final = 1_000
"""Characters of the path to return to; a longer one leads to the start page."""
_KNOWN_FOR_S: Final = 3600.0


class SignInFailed(Exception):
    """The sign-in failed; the message says why, and what to do."""


class Endpoints(msgspec.Struct, frozen=True):
    """The endpoints in a provider's discovery document."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    end_session_endpoint: str | None = None


class Provider:
    """An OpenID Connect provider; its discovery document is fetched once an hour."""

    def __init__(self, http: ProviderHttp, clock: Callable[[], float] = time.monotonic) -> None:
        self.issuer = http.issuer
        self._http = http
        self._clock = clock
        self._known: Endpoints | None = None
        self._known_at = 0.0

    @property
    def trusted(self) -> ssl.SSLContext | bool:
        """See :meth:`~query_api.identity.provider_http.ProviderHttp.trusted`."""
        return self._http.trusted

    def endpoints(self) -> Endpoints:
        """The endpoints; :class:`~query_api.identity.provider_http.ProviderAway`."""
        if self._known is None or self._clock() - self._known_at > _KNOWN_FOR_S:
            self._known, self._known_at = self._fetch(), self._clock()
        return self._known

    def _fetch(self) -> Endpoints:
        found = self._http.discovered(Endpoints)
        for endpoint in (found.authorization_endpoint, found.token_endpoint):
            self._http.check(endpoint)
        return found


@dataclass(frozen=True, slots=True)
class Client:
    """The registration of this system at the provider."""

    client_id: str
    client_secret: str | None
    redirect_uri: str
    signed_out_uri: str


class _UnderWay(msgspec.Struct, frozen=True, array_like=True):
    """The sealed content of a pending sign-in's cookie."""

    state: str
    nonce: str
    verifier: str
    return_to: str
    until: float
    """Seconds since 1970 UTC."""


_decode = msgspec.msgpack.Decoder(_UnderWay).decode


@dataclass(frozen=True, slots=True)
class Begun:
    """A pending sign-in."""

    address: str
    """URL at the provider to which the browser is sent."""
    state: str
    """The ``state`` that the provider's answer repeats."""
    browser: str
    """The cookie that the browser must send back. It is sealed, so that nobody can plant one."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A completed sign-in."""

    caller: Caller
    id_token: str
    return_to: str
    """Local path."""
    provider_session: str
    """ID of the provider's own session; empty if it gives none."""
    signed_in_at: float | None
    """Seconds since 1970 UTC by the provider's clock; ``None`` if it gives none."""


class SignIn:
    """Begins and finishes sign-ins at one provider. Safe for many threads."""

    def __init__(
        self,
        provider: Provider,
        id_tokens: Authenticator,
        client: Client,
        keys: SealingKeys | None = None,
        endings: Endings | None = None,
    ) -> None:
        self._provider = provider
        self._id_tokens = id_tokens
        self._client = client
        self._keys = keys or SealingKeys()
        self._endings = endings or Endings()

    def begin(self, return_to: str) -> Begun:
        """Begin a sign-in; :class:`ProviderAway`. ``return_to`` is a local path."""
        state, nonce = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        verifier = secrets.token_urlsafe(48)
        with self._oauth() as oauth:
            address, _ = oauth.create_authorization_url(
                self._provider.endpoints().authorization_endpoint,
                state=state,
                nonce=nonce,
                code_verifier=verifier,
            )
        return_to = return_to if len(return_to) <= _LONGEST_PATH else "/"
        under_way = _UnderWay(state, nonce, verifier, return_to, time.time() + UNDER_WAY_S)
        sealed = self._keys.seal(_PURPOSE, msgspec.msgpack.encode(under_way))
        return Begun(str(address), state, sealed)

    def finish(self, browser: str | None, answer: Mapping[str, str]) -> SignedIn:
        """Check the provider's answer (``answer``: query parameters of the callback) and fetch the
        ID token. ``browser`` is the cookie of the pending sign-in.

        Raises :class:`SignInFailed`, or :class:`~query_api.identity.provider_http.ProviderAway`.
        """
        under_way = self._taken(browser, answer.get("state", ""))
        if "error" in answer:
            raise SignInFailed("The identity provider did not sign you in.")
        if answer.get("iss", self._provider.issuer) != self._provider.issuer:
            raise SignInFailed("The answer comes from another identity provider.")
        id_token = self._id_token(answer.get("code", ""), under_way.verifier)
        try:
            claims = self._id_tokens.verified(id_token)
            caller = self._id_tokens.caller_of(claims)
        except Problem as problem:
            raise SignInFailed(problem.detail) from problem
        if not hmac.compare_digest(str(claims.get("nonce")).encode(), under_way.nonce.encode()):
            raise SignInFailed("The answer of the identity provider belongs to another sign-in.")
        return SignedIn(
            caller,
            id_token,
            under_way.return_to,
            _text(claims.get("sid")),
            _time(claims.get("iat")),
        )

    def sign_out_address(self, id_token: str | None) -> str | None:
        """URL at which the provider ends its own session; ``None`` if it offers none. Without the
        ID token it asks the user to confirm."""
        try:
            address = self._provider.endpoints().end_session_endpoint
        except ProviderAway:
            return None
        if address is None:
            return None
        hint = {} if id_token is None else {"id_token_hint": id_token}
        query = {
            **hint,
            "client_id": self._client.client_id,
            "post_logout_redirect_uri": self._client.signed_out_uri,
        }
        return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}"

    def _taken(self, browser: str | None, state: str) -> _UnderWay:
        """The pending sign-in of that state, marked as used on this read side. A second use at
        another read side fails at the provider, which accepts a code only once."""
        under_way = self._opened(browser)
        used = digest("sign-in", state)
        if (
            under_way is None
            or under_way.until < time.time()
            or not hmac.compare_digest(under_way.state.encode(), state.encode())
            or self._endings.covers(used)
        ):
            raise SignInFailed(
                "This sign-in was not begun in this browser, or more than ten minutes ago."
            )
        self._endings.learn(Ending(used, under_way.until))
        return under_way

    def _opened(self, browser: str | None) -> _UnderWay | None:
        try:
            return None if browser is None else _decode(self._keys.open(_PURPOSE, browser))
        except (NotSealedHere, msgspec.MsgspecError):
            return None

    def _id_token(self, code: str, verifier: str) -> str:
        if not code:
            raise SignInFailed("The identity provider's answer holds no code.")
        try:
            with self._oauth() as oauth:
                token: Mapping[str, Any] = oauth.fetch_token(
                    self._provider.endpoints().token_endpoint, code=code, code_verifier=verifier
                )
        except OAuthError as error:
            raise SignInFailed("The identity provider did not accept the sign-in.") from error
        except (httpx2.HTTPError, ValueError) as error:
            raise ProviderAway(f"{self._provider.issuer} did not answer: {error}") from error
        id_token = token.get("id_token")
        if not isinstance(id_token, str):
            raise SignInFailed("The identity provider's answer holds no ID token.")
        return id_token

    def _oauth(self) -> OAuth2Client:
        return OAuth2Client(
            client_id=self._client.client_id,
            client_secret=self._client.client_secret,
            scope=SCOPE,
            redirect_uri=self._client.redirect_uri,
            code_challenge_method="S256",
            timeout=TIMEOUT_S,
            verify=self._provider.trusted,
        )


def _text(claim: object) -> str:
    return claim if isinstance(claim, str) else ""


def _time(claim: object) -> float | None:
    return float(claim) if isinstance(claim, int | float) else None
