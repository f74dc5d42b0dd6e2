"""Every refusal has one shape, says how to put it right, and gives nothing away."""

from __future__ import annotations

import json
from html import escape
from typing import Any

import pytest
from starlette.testclient import TestClient

from query_api.identity.access import Role
from query_api.web.problems import KINDS
from storage.store import StoreDamaged
from tests.query_api.world import BETA, DCC, T0, World, accepted, delivered, device_id, request_id

R1, R2, FOREIGN = request_id(1), request_id(2), request_id(3, BETA)
D1 = device_id(1)
REQUEST, DEVICE = f"/v1/service-requests/{R1}", f"/v1/devices/{D1}"


@pytest.fixture(scope="module")
def world() -> World:
    """One item of ours, one foreign item, one device with nothing but unmatched reports."""
    world = World()
    world.put(
        {
            D1: [accepted(R1)],
            device_id(2): [accepted(FOREIGN)],
            device_id(3): [delivered(offset=1)],
        }
    )
    return world


def problem(answer: Any, status: int) -> dict[str, Any]:
    """The body of a problem, whose shape is checked."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert list(body) == ["type", "title", "status", "detail"]
    assert body["type"].startswith("urn:fdt:problem:")
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    for header, value in (
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
    ):
        assert answer.headers[header] == value
    assert "Authorization" in answer.headers["vary"]
    return body


@pytest.mark.parametrize(
    ("path", "kind", "how"),
    [
        ("/v1/service-requests", "one-criterion", "Nothing is listed without a criterion"),
        ("/v1/service-requests/", "one-criterion", "Give one Service Request ID"),
        ("/v1/devices", "one-criterion", "Give one Device ID"),
        ("/v1/devices/", "one-criterion", "GET /v1/devices/{device_id}"),
        (f"/v1/service-requests/{R1},{R2}", "one-criterion", "not a list"),
        (f"/v1/service-requests/{R1};{R2}", "one-criterion", "not a list"),
        (f"/v1/service-requests/{R1}%20{R2}", "one-criterion", "not a list"),
        (f"/v1/service-requests/{R1}%0A{R2}", "one-criterion", "not a list"),
        (f"/v1/service-requests/{R1}|{R2}.csv", "one-criterion", "not a list"),
        (f"/v1/devices/{D1},{D1}", "one-criterion", "ask once for each value"),
        ("/v1/devices/00-DB-12-34-56-00-00-*", "one-criterion", "Wildcards are not supported"),
        ("/v1/devices/00-DB-12-34-56-00-00-%25", "one-criterion", "Wildcards"),
        ("/v1/devices/00-DB-12-34-56-00-00-0%3F", "one-criterion", "Wildcards"),
        ("/v1/service-requests/90-B3*.csv", "one-criterion", "Wildcards"),
        ("/v1/service-requests/" + "9" * 200, "invalid-criterion", "200 characters"),
        ("/v1/service-requests/nonsense", "invalid-criterion", "originator:target:counter"),
        ("/v1/service-requests/.csv", "invalid-criterion", "originator:target:counter"),
        (f"/v1/service-requests/{BETA}:{DCC}:0", "invalid-criterion", "counter is above 0"),
        (f"/v1/service-requests/{BETA}:{DCC}:{2**64}", "invalid-criterion", "below 2^64"),
        ("/v1/devices/00-DB", "invalid-criterion", "eight pairs of hexadecimal digits"),
        ("/v1/devices/%00", "invalid-criterion", "eight pairs"),
        (f"/v1/devices/{R1}", "invalid-criterion", "is a Service Request ID: look it up at"),
        (f"/v1/service-requests/{D1}", "invalid-criterion", "is a Device ID: look it up at"),
        (f"{DEVICE}/service-requests/x", "invalid-criterion", "originator:target:counter"),
        (f"/v1/devices/x/service-requests/{R1}", "invalid-criterion", "eight pairs"),
        (f"{REQUEST}?device_id={D1}", "one-criterion", "the one criterion"),
        (f"{REQUEST}?Device_Id={D1}", "one-criterion", "the one criterion"),
        (f"{DEVICE}?service_request_id={R1}", "one-criterion", "the one criterion"),
        (f"{DEVICE}?limit=5", "unknown-parameter", "takes as_at: leave everything else out"),
        (
            f"{REQUEST}?at=2026-11-23T06:00:00Z",
            "unknown-parameter",
            "as_at, changed_since, completion, cursor, limit",
        ),
        (f"{REQUEST}.csv?as_at=x", "unknown-parameter", "completion, reason, status"),
        (f"{DEVICE}/service-requests/{R1}?x", "unknown-parameter", "takes as_at"),
        (f"{REQUEST}?limit=5&limit=6", "one-criterion", "give it once"),
        (f"{REQUEST}?cursor=a&cursor=b", "one-criterion", "give it once"),
    ],
)
def test_anything_but_one_criterion_and_one_value_is_refused(
    world: World, path: str, kind: str, how: str
) -> None:
    """A list, a wildcard, two criteria or none: 400 with how to fix it, not with what was sent."""
    body = problem(world.supplier().get(path), 400)
    assert body["type"] == f"urn:fdt:problem:{kind}"
    assert how in body["detail"]
    assert R2 not in body["detail"]
    assert D1 not in body["detail"]


@pytest.mark.parametrize(
    ("query", "how"),
    [
        ("limit=0", "limit: Input should be greater than or equal to 1"),
        ("limit=501", "limit: Input should be less than or equal to 500"),
        ("limit=many", "limit: Input should be a valid integer"),
        ("status=Activated", "not a Processing Status; use one of Rejected by DSP"),
        ("completion=Successful", "use one of In Progress, Failed, Complete"),
        ("cursor=abc", "cursor: not one that this server gave out"),
        ("cursor=%C3%A9", "cursor: not one that this server gave out"),
        ("cursor=" + "A" * 101, "cursor: "),
    ],
)
def test_a_parameter_that_cannot_be_used_is_explained(world: World, query: str, how: str) -> None:
    """The framework's own refusals have the same shape."""
    body = problem(world.supplier().get(f"{REQUEST}?{query}"), 422)
    assert how in body["detail"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/nothing", 404),
        ("GET", f"{DEVICE}/service-requests", 404),
        ("GET", "/docs", 404),
        ("POST", DEVICE, 405),
        ("DELETE", REQUEST, 405),
        ("PUT", "/healthz", 405),
    ],
)
def test_the_frameworks_errors_have_the_same_shape(
    world: World, method: str, path: str, status: int
) -> None:
    """Unknown address, wrong method."""
    answer = world.supplier().request(method, path)
    problem(answer, status)
    if status == 405:
        assert answer.headers["allow"] == "GET, HEAD"


FOREIGN_ITEM = f"/v1/devices/{device_id(2)}/service-requests/{FOREIGN}"


def whole(client: TestClient, path: str) -> tuple[int, bytes, list[tuple[str, str]]]:
    """Status, body and headers."""
    answer = client.get(path)
    return answer.status_code, answer.content, sorted(answer.headers.items())


@pytest.mark.parametrize(
    ("foreign", "unknown"),
    [
        (f"/v1/service-requests/{FOREIGN}", f"/v1/service-requests/{request_id(77)}"),
        (f"/v1/service-requests/{FOREIGN}", f"/v1/service-requests/{request_id(77, BETA)}"),
        (f"/v1/service-requests/{FOREIGN}.csv", f"/v1/service-requests/{request_id(77)}.csv"),
        (f"/v1/devices/{device_id(2)}", f"/v1/devices/{device_id(77)}"),
        (f"/v1/devices/{device_id(3)}", f"/v1/devices/{device_id(77)}"),
        (FOREIGN_ITEM, f"{DEVICE}/service-requests/{R2}"),
        (FOREIGN_ITEM, f"/v1/devices/{device_id(77)}/service-requests/{R1}"),
    ],
)
def test_a_foreign_id_cannot_be_told_from_an_unknown_one(
    world: World, foreign: str, unknown: str
) -> None:
    """Byte for byte the same 404, headers included: there is no way to learn that it exists."""
    assert world.service_centre().get(foreign).status_code == 200
    client = world.supplier()
    assert whole(client, foreign) == whole(client, unknown)
    body = problem(client.get(foreign), 404)
    assert "last 30 days" in body["detail"]
    assert "Service Audit Trail" in body["detail"]


def test_an_expired_id_cannot_be_told_from_an_unknown_one() -> None:
    """The same 404 once the broker's time has passed ``available_until``."""
    world = World()
    world.put({D1: [accepted(R1)]})
    world.put({}, seen_at=T0 + 31 * 86_400_000)
    client = world.supplier()
    for path, unknown in (
        (REQUEST, f"/v1/service-requests/{request_id(77)}"),
        (DEVICE, f"/v1/devices/{device_id(77)}"),
        (f"{DEVICE}/service-requests/{R1}", f"{DEVICE}/service-requests/{R2}"),
    ):
        assert whole(client, path) == whole(client, unknown)


def test_nothing_is_served_before_the_view_has_caught_up() -> None:
    """I11: 503 with Retry-After for everybody, whoever asks for whatever."""
    world = World(ready=False)
    for client in (world.stranger(), world.supplier()):
        for path in (REQUEST, f"{REQUEST}.csv", DEVICE, "/v1/devices", f"{REQUEST}?x=1"):
            answer = client.get(path)
            problem(answer, 503)
            assert answer.headers["retry-after"] == "5"
    world.progress.begin(world.view, {0: 3}, {0: 10})
    assert "7 offsets" in problem(world.supplier().get(DEVICE), 503)["detail"]
    world.progress.reach({0: 10})
    problem(world.supplier().get(DEVICE), 404)


def test_a_defect_of_ours_is_a_500_of_the_same_shape(
    monkeypatch: pytest.MonkeyPatch, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """The cause goes to the log with the route, and not to the caller."""

    def broken(*_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr("query_api.queries.reads.Snapshot.device", broken)
    answer = world.supplier().get(DEVICE)
    assert "secret" not in answer.text
    problem(answer, 500)
    assert "secret" in caplog.text
    assert "a request to /v1/devices/{device_id} failed" in caplog.text


def test_a_damaged_view_is_reported(monkeypatch: pytest.MonkeyPatch, world: World) -> None:
    """Whoever meets damage first is refused, and the process is told."""

    def damaged(*_: object) -> None:
        raise StoreDamaged("a block is damaged")

    monkeypatch.setattr("query_api.queries.reads.Snapshot.device", damaged)
    problem(world.supplier().get(DEVICE), 500)
    assert [type(error) for error in world.damage] == [StoreDamaged]


def test_roles_decide_who_may_ask_at_all(world: World) -> None:
    """No role, or a supplier without an organisation: 403 with what is missing."""
    for client, how in (
        (world.client(), "none of the roles supplier, service-centre, auditor"),
        (world.client(Role.SUPPLIER), "no User ID"),
    ):
        assert how in problem(client.get(DEVICE), 403)["detail"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_explained_at_its_own_address(kind: str, world: World) -> None:
    """To anybody: it holds nothing of anybody."""
    page = world.stranger().get(f"/problems/{kind}", headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert escape(KINDS[kind][1]) in page.text
    assert f"urn:fdt:problem:{kind}." in page.text


def test_a_problem_links_to_what_explains_it(world: World) -> None:
    """Of each answer for programs; there is no page of a kind that there is not."""
    told = world.stranger().get(DEVICE)
    assert told.links["help"]["url"] == "/problems/not-signed-in"
    assert world.stranger().get(told.links["help"]["url"]).status_code == 200
    assert world.stranger().get("/problems/no-such-kind").status_code == 404


def test_problems_are_in_the_published_document(world: World) -> None:
    """Every address under /v1 documents its errors as this one shape."""
    document = world.stranger().get("/openapi.json").json()
    for path, item in document["paths"].items():
        if path.startswith("/v1"):
            (operation,) = item.values()
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    content = answer["content"]["application/problem+json"]
                    assert content["schema"] == {"$ref": "#/components/schemas/ProblemDetails"}
                    for kind, example in content["examples"].items():
                        assert KINDS[kind] == (int(status), example["value"]["title"])
    assert json.dumps(document).count("HTTPValidationError") == 0
