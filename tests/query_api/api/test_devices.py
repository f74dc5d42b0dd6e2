"""``GET /v1/devices/{id}`` and its items: newest first, timeline, reports without a request."""

from __future__ import annotations

from query_api.identity.access import Role
from schemas.topics import Source
from tests.query_api.world import (
    BETA,
    DAY_MS,
    RETENTION_MS,
    T0,
    World,
    accepted,
    approved,
    delivered,
    device_id,
    report,
    request_id,
    reset,
)

R1, R2, FOREIGN = request_id(1), request_id(2), request_id(3, BETA)
D1 = device_id(1)
PATH = f"/v1/devices/{D1}"


def test_the_requests_of_a_device_are_shown_newest_first() -> None:
    """By time of acceptance, each as in the list of its request."""
    world = World()
    world.put(
        {D1: [accepted(R1, at=T0 + 9), accepted(R2, at=T0 + 5, offset=1, version="00000002")]}
    )
    client = world.supplier()
    answer = client.get(PATH).json()
    assert sorted(answer) == ["as_at", "freshness", "items", "not_kept", "unmatched"]
    assert [item["service_request_id"] for item in answer["items"]] == [R1, R2]
    for request, item in zip((R1, R2), answer["items"], strict=True):
        assert client.get(f"/v1/service-requests/{request}").json()["items"] == [item]


def test_a_supplier_sees_its_own_requests_of_a_device_only() -> None:
    """Two suppliers may have had requests for one device; neither sees the other's."""
    world = World()
    world.put({D1: [accepted(R1), accepted(FOREIGN, at=T0 + 9, offset=1)]})
    assert [i["service_request_id"] for i in world.supplier().get(PATH).json()["items"]] == [R1]
    theirs = world.supplier(BETA).get(PATH).json()["items"]
    assert [item["service_request_id"] for item in theirs] == [FOREIGN]
    for role in (Role.AUDITOR, Role.SERVICE_CENTRE):
        assert len(world.client(role).get(PATH).json()["items"]) == 2


def test_reports_without_a_request_have_no_owner() -> None:
    """Service Centre and auditors see them; for a supplier such a device is unknown."""
    world = World()
    world.put({D1: [delivered(offset=4)]})
    assert world.supplier().get(PATH).status_code == 404
    for role in (Role.AUDITOR, Role.SERVICE_CENTRE):
        answer = world.client(role).get(PATH).json()
        assert answer["items"] == []
        assert answer["unmatched"] == [
            {
                "status": "Successful HAN Transfer",
                "marks": [],
                "code": "8F8A/0",
                "reason": {
                    "code": "8F8A/0",
                    "text": "The hub transferred the image to the device",
                    "next_step": "Activate the firmware with 11.3.",
                    "retryable": False,
                },
                "detail": None,
                "occurred_at": "2026-11-23T06:00:00.000Z",
                "received_at": "2026-11-23T06:00:01.000Z",
                "evidence": {
                    "topic": "firmware.comms-hub.v1",
                    "partition": 0,
                    "offset": 4,
                    "event_id": "00000000-0000-0000-0000-000000000004",
                },
                "copies": 0,
            }
        ]


def test_a_supplier_never_sees_unmatched_reports_beside_its_items() -> None:
    """The list is there for every caller, and empty for a supplier."""
    world = World()
    world.put({D1: [accepted(R1), delivered(offset=1, version="0000FFFF")]})
    assert world.supplier().get(PATH).json()["unmatched"] == []
    assert len(world.service_centre().get(PATH).json()["unmatched"]) == 1


def test_unmatched_reports_are_hidden_after_the_retention_and_bounded() -> None:
    """At most 200, the rest counted; each until 30 days after it was received."""
    world = World()
    world.put({D1: [delivered(offset=n, at=T0 + n) for n in range(250)]})
    client = world.service_centre()
    answer = client.get(PATH).json()
    kept = [entry["evidence"]["offset"] for entry in answer["unmatched"]]
    assert kept == sorted(kept)
    assert len(kept) == 200
    assert answer["not_kept"] == 50
    world.put({}, seen_at=T0 + 1000 + 239 + RETENTION_MS)
    shown = client.get(PATH).json()["unmatched"]
    assert [entry["evidence"]["offset"] for entry in shown] == [n for n in kept if n >= 240]
    world.put({}, seen_at=T0 + DAY_MS + RETENTION_MS)
    assert client.get(PATH).status_code == 404


def test_an_item_comes_with_everything_that_was_recorded_for_it() -> None:
    """The timeline says of each record what it set, and why it did not become the status."""
    world = World()
    world.put(
        {
            D1: [
                accepted(R1, at=T0, offset=0),
                approved(R1, at=T0 + 1000, offset=1),
                reset(R1, at=T0 + 2000, offset=2, detail="Supplier asked (incident INC1, by op)"),
                report(Source.COMMS_HUB, "8F8A", result=0, request=R1, at=T0 + 9000, offset=3),
            ]
        }
    )
    answer = world.supplier().get(f"{PATH}/service-requests/{R1}").json()
    timeline = answer.pop("timeline")
    freshness = answer.pop("freshness")
    assert (answer.pop("not_kept"), answer.pop("as_at")) == (0, None)
    assert world.supplier().get(PATH).json()["items"] == [answer]
    assert freshness["lag_events"] == 0
    assert (answer["status"], answer["completion"]) == ("Reset by DCC", "Failed")
    assert "Supplier asked" in answer["reason"]["text"]
    assert [(e["status"], e["marks"], e["code"]) for e in timeline] == [
        ("Accepted by DSP", [], "I99"),
        ("Approved for Distribution", [], "APPROVED"),
        ("Reset by DCC", [], "RESET"),
        ("Successful HAN Transfer", ["after-reset"], "8F8A/0"),
    ]


def test_a_future_dated_activation_has_no_status() -> None:
    """CS06 without a result stands in the timeline with a null status."""
    world = World()
    planned = report(Source.COMMS_HUB, "CS06", request=R1, at=T0 + 9000, offset=1)
    world.put({D1: [accepted(R1), planned]})
    answer = world.supplier().get(f"{PATH}/service-requests/{R1}").json()
    assert answer["status"] == "Accepted by DSP"
    assert answer["timeline"][1]["status"] is None


def test_an_item_is_found_by_both_its_ids_only() -> None:
    """A request of another device, or of another owner, is not there."""
    world = World()
    world.put({D1: [accepted(R1), accepted(FOREIGN, offset=1)], device_id(2): [accepted(R2)]})
    client = world.supplier()
    assert client.get(f"{PATH}/service-requests/{R1}").status_code == 200
    for request in (R2, FOREIGN, request_id(99)):
        assert client.get(f"{PATH}/service-requests/{request}").status_code == 404
    assert world.service_centre().get(f"{PATH}/service-requests/{FOREIGN}").status_code == 200
