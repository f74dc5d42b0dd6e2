"""Exactly one criterion and one value: what may be searched for, and why anything else is refused.

A refusal says how to put the search right; it does not repeat the value.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Final, TypeVar

from starlette.requests import Request

from query_api.problems import Problem
from schemas.identifiers import DeviceId, InvalidIdentifier, ServiceRequestId

MAX_VALUE_LENGTH: Final = 128
"""Characters; the longest identifier has 68, and leading zeros of a counter are allowed."""

_LIST = re.compile(r"[,;|\s]")
_WILDCARD = re.compile(r"[*%?_]")
_CRITERIA: Final = frozenset(
    {
        "service_request_id",
        "service_request",
        "request_id",
        "device_id",
        "device",
        "id",
        "q",
        "query",
        "search",
    }
)
"""Query parameters by which a caller may have meant a second criterion."""

Identifier = TypeVar("Identifier", DeviceId, ServiceRequestId)

_ROUTES: Final[dict[type[DeviceId | ServiceRequestId], str]] = {
    ServiceRequestId: "/v1/service-requests/{service_request_id}",
    DeviceId: "/v1/devices/{device_id}",
}


def one(kind: type[Identifier], text: str) -> Identifier:
    """The identifier that ``text`` spells, or a 400 problem that says how to put it right."""
    value = text.strip()
    if len(value) > MAX_VALUE_LENGTH:
        raise _invalid(f"The value is {len(value)} characters long: give one {kind.kind}.")
    if _WILDCARD.search(value):
        raise _one_only(f"Wildcards are not supported: give one whole {kind.kind}.")
    if _LIST.search(value):
        raise _one_only(f"Give one {kind.kind}, not a list: ask once for each value.")
    try:
        return kind.parse(value)
    except InvalidIdentifier as error:
        raise _invalid(f"{error}{_meant_other(kind, value)}") from error


def missing(kind: type[DeviceId | ServiceRequestId]) -> Problem:
    """The address of a list without a value: nothing is listed without a criterion."""
    return _one_only(
        f"Give one {kind.kind}: GET {_ROUTES[kind]}. Nothing is listed without a criterion."
    )


def check_parameters(request: Request, single: frozenset[str], many: frozenset[str]) -> None:
    """Refuse query parameters that are not known, given twice, or would be a second criterion.

    ``single`` may be given once, ``many`` repeatedly.
    """
    given = Counter(name for name, _ in request.query_params.multi_items())
    known = single | many
    for name in given:
        if name not in known and name.lower() in _CRITERIA:
            raise _one_only(
                "The value in the path is the one criterion: leave the query parameter "
                f"'{name.lower()}' out, or ask for it at its own address."
            )
        if name not in known:
            raise Problem("unknown-parameter", _known(known))
    for name in single:
        if given[name] > 1:
            raise _one_only(f"'{name}' is given {given[name]} times: give it once.")


def _known(known: frozenset[str]) -> str:
    if not known:
        return "This address takes no query parameters: leave them out."
    return f"This address takes {', '.join(sorted(known))}: leave everything else out."


def _meant_other(kind: type[DeviceId | ServiceRequestId], value: str) -> str:
    """A hint, where the value is a valid identifier of the other kind."""
    other = DeviceId if kind is ServiceRequestId else ServiceRequestId
    try:
        other.parse(value)
    except InvalidIdentifier:
        return ""
    return f" What was given is a {other.kind}: look it up at {_ROUTES[other]}."


def _invalid(detail: str) -> Problem:
    return Problem("invalid-criterion", detail)


def _one_only(detail: str) -> Problem:
    return Problem("one-criterion", detail)
