"""What all pages use: services, cookies, addresses, and the rendering of an answer."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from query_api.identity.access import Caller, Role, may_read_log
from query_api.identity.endings import EndingsUnknown
from query_api.identity.logout_tokens import LogoutTokens
from query_api.identity.sessions import Session, Sessions
from query_api.identity.sign_in import SignIn
from query_api.queries.query_service import QueryService
from query_api.queries.reads import Freshness, NotReady
from query_api.resets.resets import Resets
from query_api.screen.pages.environment import Templates
from query_api.screen.pages.presenters import Addresses, silent_sources, unreported_since
from query_api.screen.sealing import Seal
from query_api.web.content_encoding import accepts_gzip

ROLE_WORDS: Final = {
    Role.SUPPLIER: "Supplier",
    Role.SERVICE_CENTRE: "DCC Service Centre",
    Role.AUDITOR: "Auditor",
}
_ONLY_HTTPS: Final = "max-age=31536000"
_COMPRESS_LEVEL: Final = 5
_COMPRESS_FROM: Final = 1000


@dataclass(frozen=True, slots=True)
class Screen:
    """The services and settings of the pages."""

    queries: QueryService
    resets: Resets
    sessions: Sessions
    sign_in: SignIn
    logout_tokens: LogoutTokens
    seal: Seal
    templates: Templates
    public_url: str
    """Scheme, host and port of the screen for browsers."""
    provider_origin: str
    """Origin of the identity provider, to which a form may lead; empty if it is our own."""
    silent_after_ms: int
    processor_silent_after_ms: int
    page_size: int
    now_ms: Callable[[], int]
    """Wall clock, milliseconds since 1970 UTC."""

    @property
    def addresses(self) -> Addresses:
        """Addresses of the pages."""
        return Addresses(self.seal)

    @property
    def secure(self) -> bool:
        """Whether browsers use HTTPS, so that cookies can require it."""
        return self.public_url.startswith("https:")

    @property
    def cookie(self) -> str:
        """Name of the session cookie; browsers refuse this prefix with weaker attributes."""
        return "__Host-fdt" if self.secure else "fdt-session"

    @property
    def id_token_cookie(self) -> str:
        """Name of the cookie with the ID token, which only the sign-out reads."""
        return "__Secure-fdt-id-token" if self.secure else "fdt-id-token"

    def give_session(self, answer: MutableHeaders, cookie: str) -> None:
        """Set the session cookie in an answer."""
        made = Response()
        made.set_cookie(
            self.cookie, cookie, path="/", secure=self.secure, httponly=True, samesite="lax"
        )
        answer.append("set-cookie", made.headers["set-cookie"])

    def freshness(self) -> Freshness | None:
        """Freshness of the view; ``None`` while it is not ready."""
        try:
            return self.queries.reads.freshness()
        except NotReady:
            return None

    def session_of(self, request: Request) -> Session | None:
        """The live session of the browser's cookie, not renewed; ``None`` without one."""
        cookie = request.cookies.get(self.cookie)
        try:
            return None if cookie is None else self.sessions.find(cookie, renew=False)
        except EndingsUnknown:
            return None

    def page(
        self,
        request: Request,
        template: str,
        session: Session | None,
        *,
        status: int = 200,
        fresh: Freshness | None = None,
        **context: Any,
    ) -> Response:
        """An answer with the page of ``template``."""
        now = self.now_ms()
        silent = silent_sources(fresh, now, self.silent_after_ms) if fresh else []
        unreported = unreported_since(fresh, now, self.processor_silent_after_ms)
        text = self.templates.render(
            template,
            now=now,
            fresh=fresh,
            silent_sources=silent,
            unreported_since=unreported,
            retention=self.queries.reads.retention_ms,
            idle_minutes=int(self.sessions.idle_s // 60),
            **_person(session),
            **context,
        )
        answer = html(request, text, status, self._policy())
        if self.secure:
            answer.headers["Strict-Transport-Security"] = _ONLY_HTTPS
        return answer

    def _policy(self) -> str:
        forms = f"'self' {self.provider_origin}" if self.provider_origin else "'self'"
        return (
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
            f"connect-src 'self'; form-action {forms}; base-uri 'none'; frame-ancestors 'none'"
        )


def html(request: Request, text: str, status: int, policy: str) -> Response:
    """An answer with ``text``, compressed if the browser accepts it."""
    content = text.encode()
    headers = {"Content-Security-Policy": policy, "Vary": "Cookie, Accept-Encoding"}
    if len(content) >= _COMPRESS_FROM and accepts_gzip(request.headers):
        content = gzip.compress(content, _COMPRESS_LEVEL)
        headers["Content-Encoding"] = "gzip"
    return HTMLResponse(content, status, headers)


def origin_of(address: str) -> str:
    """Scheme, host and port of a URL."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def _person(session: Session | None) -> dict[str, Any]:
    if session is None:
        return {"who": None}
    return {
        "who": session.caller,
        "who_role": role_words(session.caller),
        "reads_log": may_read_log(session.caller),
        "csrf": session.form_token(),
    }


def role_words(caller: Caller) -> str:
    """The caller's roles in words."""
    return ", ".join(ROLE_WORDS[role] for role in Role if role in caller.roles) or "no role"
