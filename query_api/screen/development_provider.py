"""A small OpenID Connect provider for development: it signs in any user without a password.

It implements the protocol (discovery, code with PKCE, nonce, single use, end of session), so that
the sign-in is the same as in production. It runs on loopback only, and answers only requests from
this machine. :mod:`query_api.assembly` mounts it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Depends, FastAPI, Request
from joserfc import jwt
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from query_api.identity.access import Role
from query_api.identity.access_tokens import Claims, put_claim
from query_api.identity.keys import DevelopmentKey
from query_api.screen.context import html
from query_api.screen.pages.environment import Templates
from query_api.web import base64url, problems
from query_api.web.bodies import read_form
from runtime.access.address import is_loopback

PATH: Final = "/development-sign-in"
CLIENT_ID: Final = "fdt-screen"

_CODE_S: Final = 60.0
_TOKEN_S: Final = 3600
_ASKED: Final = ("client_id", "redirect_uri", "state", "nonce", "code_challenge", "scope")
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class NotOnLoopback(RuntimeError):
    """The provider was to run at an address other than loopback."""


@dataclass(frozen=True, slots=True)
class Person:
    """A user whom a developer can sign in as."""

    subject: str
    name: str
    note: str
    roles: tuple[Role, ...]
    user_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Code:
    person: Person
    redirect_uri: str
    nonce: str
    challenge: str
    until: float


class DevelopmentProvider:
    """Signs in one of ``people``, whom the browser chooses; ``base`` is this server's own URL."""

    def __init__(
        self,
        base: str,
        key: DevelopmentKey,
        claims: Claims,
        people: Sequence[Person],
        redirect_uris: Sequence[str],
    ) -> None:
        if not is_loopback(urlsplit(base).hostname or ""):
            raise NotOnLoopback(
                f"The development sign-in would be at {base}, where others could reach it: listen "
                "on 127.0.0.1, or name an identity provider (FDT_OIDC_ISSUER)."
            )
        self.issuer = base + PATH
        self._key = key
        self._claims = claims
        self._people = {person.subject: person for person in people}
        self._redirect_uris = frozenset(redirect_uris)
        self._codes: dict[str, _Code] = {}

    def discovery(self) -> dict[str, Any]:
        """The discovery document."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "end_session_endpoint": f"{self.issuer}/end-session",
            "jwks_uri": f"{self.issuer}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none"],
        }

    def keys(self) -> dict[str, Any]:
        """The public keys."""
        return self._key.published()

    @property
    def people(self) -> list[Person]:
        """The users to choose from."""
        return list(self._people.values())

    def refusal(self, asked: dict[str, str]) -> str | None:
        """Why an authorization request is refused; ``None`` if it is valid."""
        if asked.get("client_id") != CLIENT_ID:
            return "It comes from another client."
        if asked.get("redirect_uri") not in self._redirect_uris:
            return "It would lead to another address than the screen's."
        if not (asked.get("state") and asked.get("nonce") and asked.get("code_challenge")):
            return "It needs state, nonce and a PKCE challenge."
        return None

    def code(self, subject: str, asked: dict[str, str]) -> str | None:
        """A code for one use within a minute; ``None`` if there is no such user."""
        person = self._people.get(subject)
        if person is None:
            return None
        now = time.monotonic()
        self._codes = {text: held for text, held in self._codes.items() if held.until > now}
        code = secrets.token_urlsafe(32)
        self._codes[code] = _Code(
            person, asked["redirect_uri"], asked["nonce"], asked["code_challenge"], now + _CODE_S
        )
        return code

    def token(self, fields: dict[str, str]) -> dict[str, Any] | None:
        """The token answer to a code; ``None`` if code, client or verifier do not match."""
        held = self._codes.pop(fields.get("code", ""), None)
        verifier = fields.get("code_verifier", "").encode()
        challenge = base64url.encode(hashlib.sha256(verifier).digest())
        if (
            held is None
            or held.until <= time.monotonic()
            or fields.get("grant_type") != "authorization_code"
            or fields.get("redirect_uri") != held.redirect_uri
            or fields.get("client_id") != CLIENT_ID
            or not hmac.compare_digest(challenge, held.challenge)
        ):
            return None
        return {
            "access_token": secrets.token_urlsafe(32),
            "token_type": "Bearer",
            "expires_in": _TOKEN_S,
            "id_token": self._id_token(held),
        }

    def signed_out_address(self, asked: str) -> str:
        """Address after the end of the session: always one of the screen."""
        origins = {urlsplit(uri)[:2] for uri in self._redirect_uris}
        return asked if urlsplit(asked)[:2] in origins else "/"

    def _id_token(self, held: _Code) -> str:
        now = int(time.time())
        content: dict[str, Any] = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "sub": held.person.subject,
            "name": held.person.name,
            "nonce": held.nonce,
            "iat": now,
            "exp": now + _TOKEN_S,
        }
        put_claim(content, self._claims.user_ids, list(held.person.user_ids))
        put_claim(content, self._claims.roles, [str(role) for role in held.person.roles])
        return jwt.encode({"alg": "ES256", "kid": self._key.kid}, content, self._key.private)


class OnlyThisMachine:
    """ASGI middleware: refuses requests from other machines."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        client = scope.get("client")
        if client is not None and not is_loopback(client[0]):
            await Response("Only for this machine.", 403)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def app(provider: DevelopmentProvider, templates: Templates) -> FastAPI:
    """The provider over HTTP, to be mounted at :data:`PATH`."""
    made = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    made.state.provider, made.state.templates = provider, templates
    problems.install(made, lambda _, problem, status: problems.response(problem, status))
    made.add_middleware(OnlyThisMachine)
    made.include_router(router)
    return made


async def provider_of(request: Request) -> DevelopmentProvider:
    """A dependency: what :func:`app` was given."""
    provider: DevelopmentProvider = request.app.state.provider
    return provider


async def templates_of(request: Request) -> Templates:
    """A dependency: what :func:`app` was given."""
    templates: Templates = request.app.state.templates
    return templates


router = APIRouter()
Provided = Annotated[DevelopmentProvider, Depends(provider_of)]
Rendered = Annotated[Templates, Depends(templates_of)]
Fields = Annotated[dict[str, str], Depends(read_form)]


@router.get("/.well-known/openid-configuration")
def discovery(provider: Provided) -> Response:
    """The discovery document."""
    return JSONResponse(provider.discovery())


@router.get("/keys")
def public_keys(provider: Provided) -> Response:
    """The public keys that verify ID tokens."""
    return JSONResponse(provider.keys())


@router.get("/authorize")
def choose(request: Request, provider: Provided, templates: Rendered) -> Response:
    """The page on which a developer chooses a user."""
    asked = {name: request.query_params.get(name, "") for name in _ASKED}
    refusal = provider.refusal(asked)
    if refusal is not None:
        return _refused(request, templates, refusal)
    text = templates.render(
        "provider.html",
        who=None,
        people=provider.people,
        hidden=asked,
        action=f"{PATH}/authorize",
    )
    return html(request, text, 200, _POLICY)


@router.post("/authorize")
def chosen(request: Request, provider: Provided, templates: Rendered, fields: Fields) -> Response:
    """Redirects to the screen with a code for the chosen user."""
    refusal = provider.refusal(fields)
    code = None if refusal else provider.code(fields.get("person", ""), fields)
    if code is None:
        return _refused(request, templates, refusal or "There is no such person.")
    answer = {"code": code, "state": fields["state"], "iss": provider.issuer}
    return RedirectResponse(f"{fields['redirect_uri']}?{urlencode(answer)}", 303)


@router.post("/token")
def token(provider: Provided, fields: Fields) -> Response:
    """An ID token for a code."""
    answer = provider.token(fields)
    if answer is None:
        return JSONResponse({"error": "invalid_grant"}, 400)
    return JSONResponse(answer)


@router.get("/end-session")
def end_session(provider: Provided, post_logout_redirect_uri: str = "/") -> Response:
    """Redirects to the screen."""
    return RedirectResponse(provider.signed_out_address(post_logout_redirect_uri), 303)


def _refused(request: Request, templates: Templates, why: str) -> Response:
    text = templates.render(
        "message.html",
        who=None,
        heading="This sign-in cannot be used",
        lines=[why],
        links=[{"href": "/sign-in", "text": "Sign in"}],
    )
    return html(request, text, 400, _POLICY)
