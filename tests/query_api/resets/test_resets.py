"""*Reset by DCC*, for programs and on the page: who, when, how often, and how it is answered."""

from __future__ import annotations

from typing import Any

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from projections.events import Place, Reader
from projections.state import Report
from query_api.audit.entry import Action, Outcome
from query_api.identity.access import Role
from query_api.resets.resets import LONGEST_REASON, LONGEST_REFERENCE
from schemas.topics import Source
from tests.query_api.world import (
    DAY_MS,
    T0,
    Browser,
    MemoryPublisher,
    World,
    accepted,
    device_id,
    rejected,
    report,
    request_id,
    reset,
)
from tests.support.rows import CATALOGUE

R1 = request_id(1)
D1 = device_id(1)
PATH = f"/v1/devices/{D1}/service-requests/{R1}/reset"
SEEN = "00000000-0000-0000-0000-000000000000"
BODY = {"reason": "The hub was replaced", "incident_reference": "INC1", "seen_event_id": SEEN}


class Applying(MemoryPublisher):
    """Brings each event into the view at once, as processor and feed do within a moment."""

    world: World

    def publish(self, event: dict[str, Any]) -> Any:
        """Its place, once it shows."""
        place = super().publish(event)
        self.world.put({D1: [accepted(R1), reset(R1, at=T0 + 60_000, offset=1, event=99)]})
        return place


@pytest.fixture
def world() -> World:
    """One accepted item."""
    publisher = Applying()
    made = World(publisher=publisher)
    publisher.world = made
    made.put({D1: [accepted(R1)]})
    return made


def send(client: TestClient, key: str = "k1", **changes: Any) -> Response:
    """A reset over HTTP."""
    return client.post(PATH, json={**BODY, **changes}, headers={"Idempotency-Key": key})


def test_a_reset_is_answered_when_it_is_durable_and_shown(world: World) -> None:
    """The event as published; the place of it in the answer; the item afterwards."""
    client = world.service_centre()
    answer = send(client)
    assert answer.status_code == 201
    (event,) = world.publisher.events
    assert event["operator"] == "alice"
    assert event["reason"] == "The hub was replaced"
    assert event["incident_reference"] == "INC1"
    assert event["seen_event_id"] == SEEN
    assert answer.json() == {
        "service_request_id": R1,
        "device_id": D1,
        "status": "Reset by DCC",
        "evidence": {
            "topic": "firmware.ssmi.v1",
            "partition": 0,
            "offset": 0,
            "event_id": event["event_id"],
        },
        "shown": True,
    }
    assert client.get(PATH.removesuffix("/reset")).json()["status"] == "Reset by DCC"


def test_a_second_click_changes_nothing(world: World) -> None:
    """The same key gives the same answer and no second event; another key finds it reset."""
    client = world.service_centre()
    first, second = send(client), send(client)
    assert first.json() == second.json()
    assert len(world.publisher.events) == 1
    assert send(client, "k2").status_code == 409
    assert send(client, reason="Another reason").status_code == 422


def test_the_same_key_makes_the_same_event_at_every_instance() -> None:
    """So a click that reached two instances publishes a copy, which counts once."""
    events = []
    for _ in range(2):
        made = World()
        made.put({D1: [accepted(R1)]})
        send(made.service_centre())
        events += made.publisher.events
    assert events[0]["event_id"] == events[1]["event_id"]


def shown_elsewhere(order: dict[str, str]) -> tuple[TestClient, World]:
    """The Service Centre at an instance that did not publish a reset, and shows it."""
    here, there = World(), World()
    for made in (here, there):
        made.put({D1: [accepted(R1)]})
    assert send(here.service_centre(), **order).status_code == 201
    (event,) = here.publisher.events
    there.put({D1: [accepted(R1), folded(event)]})
    return there.service_centre(), there


@pytest.mark.parametrize(
    "other", [{"reason": "Another"}, {"reason": "The hub"}, {"incident_reference": "INC2"}]
)
def test_the_same_key_with_another_order_is_refused_at_every_instance(
    other: dict[str, str],
) -> None:
    """Wherever the reset is shown; the same order is answered with the event that there is."""
    client, there = shown_elsewhere({})
    refused, same = send(client, **other), send(client)
    assert refused.status_code == 422
    assert "this key came with another reason" in refused.json()["detail"]
    assert same.status_code == 201
    assert same.json()["evidence"]["offset"] == 1
    assert there.publisher.events == []


def test_of_a_long_reason_what_is_kept_is_compared() -> None:
    """A row holds 1 KiB of it."""
    long = "\N{GRINNING FACE}" * LONGEST_REASON
    client, _ = shown_elsewhere({"reason": long})
    assert send(client, reason="\N{PENSIVE FACE}" + long[1:]).status_code == 422
    assert send(client, reason=long).status_code == 201


def folded(event: dict[str, Any]) -> Report:
    """A published event, as the processor keeps it."""
    reader = Reader(CATALOGUE, frozenset({"ESME"}), 2 * DAY_MS)
    place = Place(0, 1, T0 + 60_000)
    return reader.report(Source.SSMI, {**event, "occurred_at": T0 + 60_000}, place)[1]


@pytest.mark.parametrize(
    ("changes", "how"),
    [
        ({"reason": " "}, "reason: Enter the reason"),
        ({"reason": "x" * (LONGEST_REASON + 1)}, "at most 500"),
        ({"reason": "two\nlines"}, "one line"),
        ({"reason": "\u202eevil"}, "without control characters"),
        ({"reason": 5}, "Send a text"),
        ({"incident_reference": ""}, "incident_reference: Enter"),
        ({"incident_reference": "x" * (LONGEST_REFERENCE + 1)}, "at most 40"),
        ({"seen_event_id": "latest"}, "seen_event_id: Send evidence.event_id"),
        ({"confirm_final": "yes"}, "true or false"),
        ({"device_id": D1}, "and nothing else"),
    ],
)
def test_what_is_missing_is_said(world: World, changes: dict[str, Any], how: str) -> None:
    """422, the field, and how to put it right; nothing is published."""
    answer = send(world.service_centre(), **changes)
    assert answer.status_code == 422
    assert how in answer.json()["detail"]
    assert world.publisher.events == []


def test_a_key_is_mandatory(world: World) -> None:
    """Without it a second click would be a second decision."""
    answer = world.service_centre().post(PATH, json=BODY)
    assert answer.status_code == 422
    assert "Idempotency-Key" in answer.json()["detail"]


def test_a_status_that_has_changed_asks_again(world: World) -> None:
    """What the operator saw goes with the reset."""
    answer = send(world.service_centre(), seen_event_id="7f1d6c1e-0d0c-4b1f-9a70-3f3d6a1f2b11")
    assert answer.status_code == 409
    assert answer.json()["type"].endswith("status-changed")
    assert "Accepted by DSP" in answer.json()["detail"]


@pytest.mark.parametrize(
    "reports",
    [
        [rejected(R1)],
        [accepted(R1, event=7), report(Source.COMMS_HUB, "CS06", result=0, request=R1, offset=0)],
    ],
)
def test_a_final_status_asks_for_a_confirmation(reports: list[Any]) -> None:
    """Rejected and activated can be reset too, by somebody who says that he means it."""
    made = World()
    made.put({D1: reports})
    answer = send(made.service_centre())
    assert answer.status_code == 409
    assert answer.json()["type"].endswith("confirmation-needed")
    assert send(made.service_centre(), confirm_final=True).status_code == 201


def test_a_broker_that_is_away_is_told_and_the_same_key_helps(world: World) -> None:
    """503, written down as failed; afterwards it goes through."""
    client = world.service_centre()
    world.publisher.failing = True
    answer = send(client)
    assert answer.status_code == 503
    assert "same Idempotency-Key" in answer.json()["detail"]
    assert answer.headers["retry-after"]
    world.publisher.failing = False
    assert send(client).status_code == 201
    outcomes = [e.outcome for e in world.trail.entries if e.action == Action.RESET]
    assert outcomes == [Outcome.FAILED, Outcome.ACCEPTED]


def test_only_the_service_centre_resets(world: World) -> None:
    """For anybody else the answer does not depend on what is held."""
    for client in (world.supplier(), world.client(Role.AUDITOR)):
        answers = [
            client.post(path, json=BODY, headers={"Idempotency-Key": "1"})
            for path in (PATH, PATH.replace(D1, device_id(9)))
        ]
        assert [answer.status_code for answer in answers] == [403, 403]
        assert answers[0].content == answers[1].content
    assert world.publisher.events == []
    assert {entry.outcome for entry in world.trail.entries} == {Outcome.REFUSED}


@pytest.fixture
def browser(world: World) -> Browser:
    """The Service Centre's."""
    return world.browser(Role.SERVICE_CENTRE)


def fields(html: str) -> dict[str, str]:
    """The hidden fields of the form."""
    import re

    return dict(re.findall(r'name="(seen_event_id|key)" value="([^"]*)"', html))


def test_the_page_explains_resets_and_shows_the_result(browser: Browser, world: World) -> None:
    """The effect before it is done, then the item with its new status."""
    item = browser.item(D1, R1)
    assert "Reset by DCC" in browser.get(item).text
    form = browser.get(f"{item}/reset")
    assert "What this does" in form.text
    filled = {**fields(form.text), "reason": "Why", "incident_reference": "INC1"}
    done = browser.post(f"{item}/reset", filled)
    assert done.status_code == 303
    assert done.headers["location"] == f"{item}?done=reset"
    shown = browser.get(done.headers["location"]).text
    assert "The status is now Reset by DCC" in shown
    assert f'href="{item}/reset"' not in shown
    assert world.publisher.events[0]["operator"] == "Alice A"
    assert browser.post(f"{item}/reset", filled).status_code == 303, "a second click"
    assert len(world.publisher.events) == 1


def test_the_page_keeps_what_was_typed(browser: Browser) -> None:
    """Each error at its field."""
    item = browser.item(D1, R1)
    form = fields(browser.get(f"{item}/reset").text)
    answer = browser.post(f"{item}/reset", {**form, "reason": "Why", "incident_reference": " "})
    assert answer.status_code == 422
    assert 'href="#incident_reference"' in answer.text
    assert ">Why</textarea>" in answer.text
    assert form["key"] in answer.text, "one decision, one key"


def test_the_page_asks_again_when_the_status_has_changed(browser: Browser, world: World) -> None:
    """With a new key, for it is a new decision."""
    item = browser.item(D1, R1)
    form = fields(browser.get(f"{item}/reset").text)
    later = report(Source.CSP, "APPROVED", request=R1, at=T0 + 1000, offset=1)
    world.put({D1: [accepted(R1), later]})
    filled = {**form, "reason": "Why", "incident_reference": "INC1"}
    answer = browser.post(f"{item}/reset", filled)
    assert answer.status_code == 409
    assert "The status has changed to Approved for Distribution" in answer.text
    again = fields(answer.text)
    assert again["key"] != form["key"]
    assert again["seen_event_id"] != form["seen_event_id"]


def test_the_page_asks_for_a_confirmation(browser: Browser, world: World) -> None:
    """A checkbox, with an error if it is left out."""
    world.put({D1: [rejected(R1)]})
    item = browser.item(D1, R1)
    form = browser.get(f"{item}/reset").text
    assert "Rejected by DSP is a final status" in form
    filled = {**fields(form), "reason": "Why", "incident_reference": "INC1"}
    answer = browser.post(f"{item}/reset", filled)
    assert answer.status_code == 409
    assert 'href="#confirm"' in answer.text
    assert browser.post(f"{item}/reset", {**filled, "confirm": "yes"}).status_code == 303
