"""What all routes of the API use: the caller, the answer with its headers, the page cursor."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Annotated, Any, Final

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from prometheus_client.registry import Collector
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from query_api.identity.access import Caller
from query_api.identity.access_tokens import Announced, Authenticator
from query_api.identity.rate_limit import Allowance
from query_api.queries import rendering
from query_api.queries.query_service import QueryService
from query_api.queries.reads import Freshness, Reads
from query_api.resets.resets import Resets
from query_api.web import base64url
from query_api.web.problems import Problem, documented
from runtime.health import Health
from runtime.topics import TopicsWatch
from schemas.identifiers import DeviceId

_BEARER: Final = HTTPBearer(
    bearerFormat="JWT", description="Access token of the OIDC provider.", auto_error=False
)
_TAG: Final = re.compile(r'(?:W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
_ADDED: Final = re.compile(r"(?:--?|;)(?:gzip|br|deflate|zstd)\Z")
_CURSOR_VERSION: Final = b"\x01"


@dataclass(frozen=True, slots=True)
class Services:
    """The services behind all requests; a route gets them as :data:`Serving`."""

    reads: Reads
    authenticator: Authenticator
    page_limit: int
    """Greatest number of items on a page."""
    queries: QueryService
    resets: Resets
    health: Health = field(default_factory=Health)
    """State of the parts of this process."""
    topics: TopicsWatch | None = None
    collectors: Sequence[Collector] = ()
    """Further metrics of this process."""


async def services_of(request: Request) -> Services:
    """A dependency: the services given to :func:`query_api.app.create_app`."""
    services: Services = request.app.state.services
    return services


Serving = Annotated[Services, Depends(services_of)]


async def signed_in(
    request: Request,
    services: Serving,
    _: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
) -> Caller:
    """A dependency: a caller with a role that may read; a 503, 401 or 403 problem otherwise.

    In the event loop unless the identity provider has to be asked: a thread costs as much as the
    check of a token.
    """
    services.reads.view()  # first: a view that is not ready is a 503 for every caller
    announced = services.authenticator.announced(request.headers.getlist("authorization"))
    if announced.asks_nobody:
        return _admitted(services, announced)
    return await run_in_threadpool(_admitted, services, announced)


def _admitted(services: Services, announced: Announced) -> Caller:
    caller = services.authenticator.caller_behind(announced)
    services.queries.admit(caller)
    return caller


SignedIn = Annotated[Caller, Depends(signed_in)]


def errors(*more: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI of the error statuses common to all paths under ``/v1``, and of ``more``."""
    return documented(400, 401, 403, *more, 429, 500, 503)


def _header(description: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string"}}


FRESHNESS: Final = {
    "Fdt-As-Of": _header("freshness.as_of as it is now, or unknown."),
    "Fdt-Lag-Events": _header("freshness.lag_events as it is now, or unknown."),
    "Fdt-Sources": _header(
        "freshness.sources as it is now, as JSON in ASCII; left out where it would be longer than "
        f"{rendering.LONGEST_HEADER} characters: /readyz tells it then."
    ),
}
"""OpenAPI of the freshness headers."""


RATE_LIMIT: Final = {
    "RateLimit-Policy": _header('The limit of a user, such as "searches";q=120;w=60.'),
    "RateLimit": _header(
        'What is left at once, and in how many seconds it is all again: "searches";r=119;t=1.'
    ),
}
"""OpenAPI of the headers of draft-ietf-httpapi-ratelimit-headers."""


def rate_limit_headers(left: Allowance) -> dict[str, str]:
    """The rate-limit headers of an answer."""
    return {
        "RateLimit-Policy": f'"{left.name}";q={left.per_minute};w=60',
        "RateLimit": f'"{left.name}";r={left.left};t={left.full_in_s}',
    }


def not_modified() -> dict[int | str, dict[str, Any]]:
    """OpenAPI of the headers of a 200, and of the 304 to a matching ``If-None-Match``."""
    headers = {
        "ETag": _header("Of everything in the answer but its freshness."),
        **FRESHNESS,
        **RATE_LIMIT,
    }
    told = (
        "What was asked for is as it was in the answer of that ETag; how fresh that is stands in "
        "the headers."
    )
    return {200: {"headers": headers}, 304: {"description": told, "headers": headers}}


def answer(request: Request, body: BaseModel, freshness: Freshness, left: Allowance) -> Response:
    """``body`` as JSON; 304 if ``If-None-Match`` names its ETag.

    The ETag leaves out freshness and the changes cursor, which change every second. It is therefore
    a weak one, and freshness is also sent as headers, with a 304 too (docs/decisions/0022).
    """
    asked_for = body.model_dump_json(exclude={"freshness", "changes_cursor"}).encode()
    etag = f'W/"{blake2b(asked_for, digest_size=16).hexdigest()}"'
    headers = {"ETag": etag, **rendering.freshness_headers(freshness)}
    headers |= rate_limit_headers(left)
    if _has(request.headers.getlist("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    return Response(body.model_dump_json(), headers=headers, media_type="application/json")


def cursor(after: DeviceId | None) -> str | None:
    """The opaque cursor of the page after this device; ``None`` after the last page."""
    if after is None:
        return None
    return base64url.encode(_CURSOR_VERSION + after.encode())


def place(text: str | None) -> DeviceId | None:
    """The Device ID in a cursor; a 422 problem if it is no cursor of this API."""
    if text is None:
        return None
    try:
        raw = base64url.decode(text)
        after = DeviceId.parse(raw[1:].decode())
        if cursor(after) != text:
            raise ValueError("of another version, or another spelling")
        return after
    except ValueError as error:
        raise Problem(
            "invalid-parameter",
            "cursor: not one that this server gave out: send next_cursor as it came, or leave "
            "cursor out to begin at the start.",
        ) from error


def _has(headers: list[str], etag: str) -> bool:
    """Whether ``If-None-Match`` names this ETag, by weak comparison (RFC 9110). The suffix that a
    proxy adds when it compresses an answer is ignored."""
    header = ",".join(headers)
    return header.strip() == "*" or not _opaque(etag).isdisjoint(_opaque(header))


def _opaque(header: str) -> set[str]:
    return {_ADDED.sub("", match[1]) for match in _TAG.finditer(header)}
