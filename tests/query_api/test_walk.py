"""Every route, by every role, for what is its own, foreign, unknown and expired.

A route that is missing here fails the first test: nobody adds one without saying who may use it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pytest
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute
from starlette.testclient import TestClient

from query_api.identity.access import Role
from tests.query_api.world import (
    ALPHA,
    BETA,
    RETENTION_MS,
    T0,
    Browser,
    World,
    accepted,
    device_id,
    request_id,
    still,
)

PUBLIC: Final = {
    "GET /",
    "GET /assets/{name}",
    "GET /problems/{kind}",
    "GET /healthz",
    "GET /metrics",
    "GET /openapi.json",
    "HEAD /openapi.json",
    "GET /readyz",
    "GET /sign-in",
    "GET /sign-in/start",
    "GET /sign-in/callback",
    "POST /sign-in/back-channel",
}
"""Answered to anybody: they hold nothing of anybody."""
ANY_SESSION: Final = {"POST /sign-out"}
"""For whoever has signed in, with or without a role."""
LISTS: Final = {
    "GET /v1/service-requests",
    "GET /v1/service-requests/",
    "GET /v1/devices",
    "GET /v1/devices/",
    "GET /search",
    "POST /search",
    "GET /statuses",
}
"""For every role, and the same whatever is held."""
OWNED: Final = {
    "GET /v1/service-requests/{service_request_id}",
    "GET /v1/service-requests/{service_request_id}.csv",
    "GET /v1/service-requests/{service_request_id}.xlsx",
    "GET /v1/devices/{device_id}",
    "GET /v1/devices/{device_id}/service-requests/{service_request_id}",
    "GET /requests/{request_token}",
    "GET /requests/{request_token}/download",
    "GET /requests/{request_token}/spreadsheet",
    "GET /devices/{device_token}",
    "GET /devices/{device_token}/requests/{request_token}",
}
"""Suppliers see their own; the Service Centre and auditors see all."""
CENTRE_ONLY: Final = {
    "POST /v1/devices/{device_id}/service-requests/{service_request_id}/reset",
    "GET /devices/{device_token}/requests/{request_token}/reset",
    "POST /devices/{device_token}/requests/{request_token}/reset",
}
AUDITOR_ONLY: Final = {"GET /access-log", "POST /access-log"}
EVERYTHING: Final = PUBLIC | ANY_SESSION | LISTS | OWNED | CENTRE_ONLY | AUDITOR_ONLY

OWN, FOREIGN, UNKNOWN, EXPIRED = "own", "foreign", "unknown", "expired"
WHOSE: Final = (OWN, FOREIGN, UNKNOWN, EXPIRED)


@dataclass(frozen=True)
class Person:
    """Who asks."""

    roles: tuple[Role, ...]
    user_ids: tuple[str, ...]


PEOPLE: Final = {
    "supplier": Person((Role.SUPPLIER,), (ALPHA,)),
    "supplier without organisation": Person((Role.SUPPLIER,), ()),
    "service-centre": Person((Role.SERVICE_CENTRE,), ()),
    "auditor": Person((Role.AUDITOR,), ()),
    "other": Person((), (ALPHA,)),
}
NOBODY = "nobody"


def world() -> World:
    """Own, foreign and expired items; device and counter tell which."""
    made = World(clock=still)
    made.put({device_id(3): [accepted(request_id(3), at=T0 - RETENTION_MS)]}, seen_at=T0)
    made.put(
        {device_id(1): [accepted(request_id(1))], device_id(2): [accepted(request_id(2, BETA))]},
        seen_at=T0 + 60_000,
    )
    return made


def named(whose: str) -> tuple[str, str]:
    """(device, request) of what is own, foreign, unknown or expired."""
    return {
        OWN: (device_id(1), request_id(1)),
        FOREIGN: (device_id(2), request_id(2, BETA)),
        UNKNOWN: (device_id(4), request_id(4)),
        EXPIRED: (device_id(3), request_id(3)),
    }[whose]


def routes(found: list[BaseRoute]) -> Iterator[str]:
    """METHOD path of every route."""
    for route in found:
        for included in getattr(getattr(route, "original_router", None), "routes", [route]):
            if isinstance(included, APIRoute) or getattr(included, "methods", None):
                methods: set[str] = getattr(included, "methods", set())
                yield from (f"{method} {getattr(included, 'path', '')}" for method in methods)


def test_every_route_is_walked() -> None:
    """The lists above are all there is."""
    assert set(routes(world().app().routes)) == EVERYTHING


def expected(route: str, person: str, whose: str) -> set[int]:
    """The statuses that may come back."""
    if route in PUBLIC:
        return {200, 303, 400, 404, 503}
    page = "/v1" not in route
    if person == NOBODY:
        return {303} if page else {401}
    if route in ANY_SESSION:
        return {303}  # the first time out, then to the sign-in
    if person in ("supplier without organisation", "other"):
        return {403}
    if route in LISTS:
        return {200, 303, 400}
    if route in AUDITOR_ONLY:
        return {200} if person == "auditor" else {403}
    sees = whose == OWN or (whose == FOREIGN and person != "supplier")
    if route in CENTRE_ONLY:
        if person != "service-centre":
            return {403}
        return {200, 201, 303} if sees else {404}
    return {200} if sees else {404}


@pytest.mark.parametrize("person", [*PEOPLE, NOBODY])
@pytest.mark.parametrize("route", sorted(EVERYTHING))
def test_the_walk(route: str, person: str) -> None:
    """Route by role by ownership."""
    who = PEOPLE.get(person)
    if "/v1" in route:
        made = world()
        api = made.stranger() if who is None else made.client(*who.roles, user_ids=who.user_ids)
        found = {whose: asked(api, route, whose) for whose in WHOSE}
    else:
        browser = world().browser(*(who.roles if who else ()), user_ids=who.user_ids if who else ())
        if who is None:
            browser.client.cookies.clear()
        found = {whose: looked_at(browser, route, whose, who is not None) for whose in WHOSE}
    for whose, status in found.items():
        assert status in expected(route, person, whose), (whose, status)


EVIDENCE: Final = "00000000-0000-0000-0000-000000000000"
"""The event behind every status of the world."""


def asked(api: TestClient, route: str, whose: str) -> int:
    """The status of an answer for programs."""
    method, path = route.split(" ")
    device, request = named(whose)
    path = path.format(device_id=device, service_request_id=request)
    if method == "GET":
        return api.get(path).status_code
    body = {"reason": "a", "incident_reference": "b", "seen_event_id": EVIDENCE}
    return api.post(path, json=body, headers={"Idempotency-Key": "1"}).status_code


def looked_at(browser: Browser, route: str, whose: str, signed_in: bool) -> int:
    """The status of a page."""
    method, path = route.split(" ")
    path = page_path(browser, path, whose)
    if method != "POST":
        return browser.client.request(method, path).status_code
    fields = {"reason": "a", "incident_reference": "b", "seen_event_id": EVIDENCE, "key": "k"}
    fields |= {"by": "device", "value": named(whose)[0]}
    if not signed_in:
        return browser.client.post(path, data={"csrf": "x", **fields}).status_code
    return browser.post(path, fields).status_code


def page_path(browser: Browser, path: str, whose: str) -> str:
    """The path with its identifiers sealed."""
    device, request = named(whose)
    return path.format(
        device_token=browser.device(device).rpartition("/")[2],
        request_token=browser.request(request).rpartition("/")[2],
        name="x",
        kind="not-found",
    )


@pytest.mark.parametrize("route", sorted(OWNED))
def test_foreign_unknown_and_expired_answers_are_equal(route: str) -> None:
    """Body, status and headers; for programs and for people."""
    answers = []
    for whose in (FOREIGN, UNKNOWN, EXPIRED):
        made = world()
        device, request = named(whose)
        path = route.removeprefix("GET ")
        if "/v1" in path:
            path = path.format(device_id=device, service_request_id=request)
            answer = made.supplier().get(path)
            text = answer.text
        else:
            browser = made.supplier_browser()
            path = page_path(browser, path, whose)
            answer = browser.get(path, headers={"Accept-Encoding": "identity"})
            text = answer.text
            for line in answer.text.splitlines():
                if 'name="csrf"' in line:
                    text = text.replace(line, "")
        headers = {k: v for k, v in answer.headers.items() if k != "date"}
        if "set-cookie" in headers:  # the session, sealed anew each time
            headers["set-cookie"] = re.sub(r"[\w-]{100,}", "sealed", headers["set-cookie"])
        answers.append((answer.status_code, text, headers))
    assert answers[0] == answers[1] == answers[2]
    assert answers[0][0] == 404
