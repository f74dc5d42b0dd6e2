"""Search criteria: exactly one criterion with one value; everything else is refused.

A refusal says how to correct the search; it does not repeat the value.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Final, TypeVar

from starlette.requests import Request

from query_api.web.problems import Problem
from schemas.identifiers import DeviceId, InvalidIdentifier, ServiceRequestId

MAX_VALUE_LENGTH: Final = 128
"""Characters; the longest identifier has 68, and leading zeros of a counter are allowed."""

_LIST = re.compile(r"[,;|\s]")
_WILDCARD = re.compile(r"[*%?_]")
_DASHES = re.compile(r"[\u2010-\u2015\u2212]")
_INVISIBLE = re.compile(r"[\u200b-\u200d\u2060\ufeff\u00ad]")
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
"""Query parameters that a caller may have meant as a second criterion."""

Identifier = TypeVar("Identifier", DeviceId, ServiceRequestId)

_NAMES: Final[dict[type[DeviceId | ServiceRequestId], str]] = {
    ServiceRequestId: "service_request_id",
    DeviceId: "device_id",
}
"""Kind of identifier -> its name in the path."""
_ROUTES: Final[dict[type[DeviceId | ServiceRequestId], str]] = {
    ServiceRequestId: "/v1/service-requests/{service_request_id}",
    DeviceId: "/v1/devices/{device_id}",
}


class Unusable(ValueError):
    """The value is no identifier of the wanted kind; the message says how to correct it."""

    def __init__(
        self,
        problem: str,
        message: str,
        other: type[DeviceId | ServiceRequestId] | None = None,
    ) -> None:
        super().__init__(message)
        self.problem = problem
        """Kind of problem in the API."""
        self.other = other
        """The other kind of identifier, if the value is one."""


def parsed(kind: type[Identifier], text: str) -> Identifier:
    """The identifier that ``text`` spells; :class:`Unusable`."""
    value = text.strip()
    if len(value) > MAX_VALUE_LENGTH:
        raise Unusable(
            "invalid-criterion",
            f"The value is {len(value)} characters long: give one {kind.kind}.",
        )
    if _WILDCARD.search(value):
        raise Unusable("one-criterion", f"Wildcards are not supported: give one whole {kind.kind}.")
    if _LIST.search(value):
        raise Unusable(
            "one-criterion", f"Give one {kind.kind}, not a list: ask once for each value."
        )
    try:
        return kind.parse(value)
    except InvalidIdentifier as error:
        raise Unusable("invalid-criterion", str(error), _meant_other(kind, value)) from error


def typed(kind: type[Identifier], text: str) -> Identifier:
    """The identifier that a person typed or pasted; :class:`Unusable`.

    Inner spaces, typographic dashes and missing dashes are corrected if only one identifier can be
    meant.
    """
    value = _DASHES.sub("-", _INVISIBLE.sub("", text.strip()))
    compact = re.sub(r"\s+", "", value)
    if re.fullmatch(r"[0-9A-Fa-f]{16}", compact):
        compact = "-".join(compact[i : i + 2] for i in range(0, 16, 2))
    if len(compact) <= MAX_VALUE_LENGTH:
        try:
            return kind.parse(compact)
        except InvalidIdentifier:
            pass  # the error is about the text as it was typed
    return parsed(kind, value)


def one(kind: type[Identifier], text: str) -> Identifier:
    """The identifier that ``text`` spells, or a 400 problem that says how to correct it."""
    try:
        return parsed(kind, text)
    except Unusable as error:
        where = ""
        if error.other is not None:
            where = (
                f" What was given is a {error.other.kind}: look it up at {_ROUTES[error.other]}."
            )
        raise Problem(error.problem, f"{_NAMES[kind]}: {error}{where}") from error


def missing(kind: type[DeviceId | ServiceRequestId]) -> Problem:
    """The problem of a list without an identifier: nothing is listed without a criterion."""
    return _one_only(
        f"Give one {kind.kind}: GET {_ROUTES[kind]}. Nothing is listed without a criterion."
    )


def check_parameters(request: Request, single: frozenset[str], many: frozenset[str]) -> None:
    """A 400 problem for query parameters that are unknown, repeated, or a second criterion.

    Those in ``single`` may be given once, those in ``many`` repeatedly.
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


def _meant_other(
    kind: type[DeviceId | ServiceRequestId], value: str
) -> type[DeviceId | ServiceRequestId] | None:
    """The other kind, if the value is a valid identifier of it."""
    other = DeviceId if kind is ServiceRequestId else ServiceRequestId
    try:
        other.parse(value)
    except InvalidIdentifier:
        return None
    return other


def _one_only(detail: str) -> Problem:
    return Problem("one-criterion", detail)
