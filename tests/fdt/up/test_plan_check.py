"""The comparison with the plan sees every kind of difference, and nothing where there is none."""

from __future__ import annotations

import copy
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from fdt.up.plan_check import Difference, ReadSideAway, differences
from fdt.up.plan_wait import Check, first
from fdt.up.simulation import Simulation
from firmware_tracking_client import AuthenticatedClient
from query_api.api.examples import ANSWERS
from query_api.queries.rendering import time as rfc3339
from sources.planning.oracle import Expected
from sources.planning.plan import Plan, build_plan

BASE_MS = 1_790_000_000_123
PAGE = 7
RECEIVED = "2026-11-23T06:00:00.000Z"

Items = dict[tuple[str, str], dict[str, Any]]


@pytest.fixture(scope="module")
def plan() -> Plan:
    """A plan with every kind of journey."""
    return build_plan(3, 2, 60)


@dataclass
class ReadSide:
    """A read side that shows what it is told to."""

    items: Items
    unmatched: dict[str, list[str]] = field(default_factory=dict)
    status: int = 200
    body: str = json.dumps({"type": "x", "title": "x", "status": 0, "detail": "x"})
    """Of an answer that is not 200."""

    def client(self) -> AuthenticatedClient:
        """A client of it; nothing goes over a network."""
        return AuthenticatedClient(
            base_url="http://read-side",
            token="any",
            httpx_args={"transport": httpx.MockTransport(self._answer)},
            raise_on_unexpected_status=True,
        )

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if self.body.startswith("<") or self.status != 200:
            return httpx.Response(self.status, content=self.body)
        parts = unquote(request.url.path).split("/")[2:]
        answer = self._find(parts, int(request.url.params.get("cursor", "0")))
        if answer is None:
            return httpx.Response(404, content=self.body)
        return httpx.Response(200, json=answer)

    def _find(self, parts: list[str], start: int) -> dict[str, Any] | None:
        match parts:
            case ["service-requests", request_id]:
                found = [item for (named, _), item in self.items.items() if named == request_id]
                after = str(start + PAGE) if start + PAGE < len(found) else None
                page = {"items": found[start : start + PAGE], "next_cursor": after}
                return {**ANSWERS["read_request"], **page} if found else None
            case ["devices", device_id, "service-requests", request_id]:
                return self.items.get((request_id, device_id))
            case ["devices", device_id]:
                waiting = self.unmatched.get(device_id, [])
                return {**ANSWERS["read_device"], "unmatched": [entry(e) for e in waiting]}
        raise AssertionError(parts)


@pytest.fixture
def read_side(plan: Plan) -> ReadSide:
    """One that shows what the plan says."""
    return ReadSide(
        {key: shown(*key, end) for key, end in plan.expected.items()},
        {device: sorted(events) for device, events in plan.unmatched.items()},
    )


def shown(request_id: str, device_id: str, end: Expected) -> dict[str, Any]:
    """An item as the API gives it."""
    code = "RESET" if end.code is None else end.code.upper()
    if end.result_code is not None:
        code += f"/{end.result_code}"
    updated = None if end.updated_at_ms is None else rfc3339(BASE_MS + end.updated_at_ms)
    timeline = [entry(event, sorted(marks)) for event, marks in sorted(end.timeline)]
    example: dict[str, Any] = copy.deepcopy(ANSWERS["read_item"])
    return example | {
        "service_request_id": request_id,
        "device_id": device_id,
        "device_type": end.device_type,
        "firmware_version": end.firmware_version,
        "status": end.status,
        "completion": end.completion,
        "reason": example["reason"] | {"code": code},
        "updated_at": updated or RECEIVED,
        "evidence": example["evidence"] | {"event_id": end.evidence_event_id},
        "timeline": timeline,
    }


def entry(event_id: str, marks: Sequence[str] = ()) -> dict[str, Any]:
    """An entry of a timeline as the API gives it."""
    example: dict[str, Any] = ANSWERS["read_item"]["timeline"][0]
    evidence = example["evidence"] | {"event_id": event_id}
    return example | {"marks": list(marks), "received_at": RECEIVED, "evidence": evidence}


def test_a_read_side_that_shows_the_plan_has_no_differences(
    plan: Plan, read_side: ReadSide
) -> None:
    """Over all pages of all requests, with timelines and waiting reports."""
    assert max(counts(plan).values()) > PAGE
    assert differences(read_side.client(), plan, BASE_MS) == []


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("status", lambda item: item.update(status="Reset by DCC")),
        ("completion", lambda item: item.update(completion="Failed")),
        ("evidence", lambda item: item["evidence"].update(event_id="another")),
        ("firmware_version", lambda item: item.update(firmware_version="FFFFFFFF")),
        ("device_type", lambda item: item.update(device_type="IHD")),
        ("code", lambda item: item["reason"].update(code="E999")),
        ("updated_at", lambda item: item.update(updated_at="1999-01-01T00:00:00.000Z")),
        ("timeline", lambda item: item["timeline"].pop()),
        ("timeline", lambda item: item["timeline"][0]["marks"].append("clock-skew")),
    ],
)
def test_anything_shown_otherwise_is_a_difference(
    what: str, change: Callable[[dict[str, Any]], object], plan: Plan, read_side: ReadSide
) -> None:
    """One changed fact of one item is one difference, under its own name."""
    key = next(key for key, end in plan.expected.items() if len(end.timeline) > 1)
    item = copy.deepcopy(read_side.items[key])
    change(item)
    read_side.items[key] = item
    found = differences(read_side.client(), plan, BASE_MS)
    assert [(d.request_id, d.device_id, d.what) for d in found] == [(*key, what)]


def test_a_wrong_clock_is_shown_with_the_received_time(plan: Plan, read_side: ReadSide) -> None:
    """Where the evidence's own time was not believed, the broker's counts."""
    key = next(key for key, end in plan.expected.items() if end.updated_at_ms is None)
    read_side.items[key]["updated_at"] = "1999-01-01T00:00:00.000Z"
    found = differences(read_side.client(), plan, BASE_MS)
    assert found == [
        Difference(*key, "updated_at", RECEIVED, "1999-01-01T00:00:00.000Z"),
    ]


def test_an_item_that_is_not_shown_is_a_difference(plan: Plan, read_side: ReadSide) -> None:
    """With the status that it should have."""
    key, end = next(iter(plan.expected.items()))
    del read_side.items[key]
    found = differences(read_side.client(), plan, BASE_MS)
    assert found == [Difference(*key, "item", end.status, "nothing")]


def test_an_item_that_nobody_expects_is_a_difference(plan: Plan, read_side: ReadSide) -> None:
    """An item whose device type is not known must stay hidden."""
    (request_id, _), end = next(iter(plan.expected.items()))
    key = (request_id, "00-DB-12-34-56-FF-FF-FF")
    read_side.items[key] = shown(*key, end)
    found = differences(read_side.client(), plan, BASE_MS)
    assert found == [Difference(*key, "item", "nothing", end.status)]


def test_a_report_that_no_longer_waits_is_a_difference(plan: Plan, read_side: ReadSide) -> None:
    """Reports without a request are neither guessed nor lost."""
    device, waiting = next(iter(plan.unmatched.items()))
    read_side.unmatched[device] = []
    found = differences(read_side.client(), plan, BASE_MS)
    assert found == [Difference("", device, "unmatched", ", ".join(sorted(waiting)), "")]


def test_a_read_side_that_is_not_ready_is_no_difference(plan: Plan, read_side: ReadSide) -> None:
    """It is away, and says nothing about the items."""
    read_side.status = 503
    with pytest.raises(ReadSideAway, match="not ready"):
        differences(read_side.client(), plan, BASE_MS)


def test_an_answer_that_no_user_should_get_is_a_defect(plan: Plan, read_side: ReadSide) -> None:
    """Neither swallowed nor taken for an empty answer."""
    read_side.status = 500
    with pytest.raises(RuntimeError, match="answered 500"):
        differences(read_side.client(), plan, BASE_MS)


@pytest.mark.parametrize("status", [200, 302, 404, 429, 502, 503])
def test_a_gateway_s_own_page_is_no_difference(
    plan: Plan, read_side: ReadSide, status: int
) -> None:
    """What stands before the read side answers for it, and not as it would."""
    read_side.status, read_side.body = status, "<html>not the read side</html>"
    with pytest.raises(ReadSideAway, match="before the read side"):
        differences(read_side.client(), plan, BASE_MS)


def test_the_check_is_over_when_all_is_equal(plan: Plan, read_side: ReadSide) -> None:
    """At the first look that finds nothing."""
    check = Check(read_side.client(), plan, simulation(plan))
    assert check.over()
    assert check.found == []


def test_the_check_is_over_when_nothing_changes(plan: Plan, read_side: ReadSide) -> None:
    """Twenty seconds without a change: what differs is there to stay."""
    now = 1000.0
    read_side.items.popitem()
    check = Check(read_side.client(), plan, simulation(plan), clock=lambda: now)
    assert not check.over()
    now += 19
    assert not check.over()
    read_side.items.popitem()
    now += 19
    assert not check.over()
    now += 20
    assert check.over()
    assert len(check.found) == 2


def test_people_are_shown_twenty_differences_at_most() -> None:
    """The count is told beside them."""
    found = [Difference("r", f"d{n}", "status", "a", "b") for n in range(30)]
    assert first(found) == found[:20]


def counts(plan: Plan) -> dict[str, int]:
    """Items of each request."""
    found: dict[str, int] = defaultdict(int)
    for request_id, _ in plan.expected:
        found[request_id] += 1
    return found


def simulation(plan: Plan) -> Simulation:
    """What the sources would have noted."""
    return Simulation(plan.seed, 2, 60, 5000.0, BASE_MS)
