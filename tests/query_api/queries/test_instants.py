"""``?as_at=``: what was shown at an instant, whose it is, and what it says of itself."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from projections.retention import retain
from projections.rows import encode_row
from query_api.queries import instants
from query_api.queries.rendering import time as rfc3339
from tests.query_api.world import (
    BETA,
    DAY_MS,
    RETENTION_MS,
    T0,
    World,
    accepted,
    approved,
    batch,
    delivered,
    device_id,
    request_id,
    reset,
)
from tests.support.rows import row_of

HOUR = 3_600_000
NOW = T0 + 10 * DAY_MS
MINE, OTHERS = request_id(1), request_id(2, BETA)
DEVICE, UNTOUCHED, LATER = device_id(1), device_id(2), device_id(3)
ITEM = f"/v1/devices/{DEVICE}/service-requests/{MINE}"
REQUEST = f"/v1/service-requests/{MINE}"


@pytest.fixture
def world() -> World:
    """One device that moves on for days, one that was only accepted, one that joins late."""
    made = World()
    made.put(
        {
            DEVICE: [
                accepted(MINE, at=T0, offset=0),
                approved(MINE, at=T0 + 2 * HOUR, offset=1),
                delivered(at=T0 + 3 * HOUR, received_at=T0 + 2 * DAY_MS, offset=2),
                reset(MINE, at=T0 + 5 * DAY_MS, offset=3),
                accepted(OTHERS, at=T0 + 6 * DAY_MS, offset=4),
            ],
            UNTOUCHED: [accepted(MINE, at=T0 + HOUR, offset=5)],
            LATER: [accepted(MINE, at=T0 + 4 * DAY_MS, offset=6)],
        },
        seen_at=NOW,
    )
    return made


def asked(world: World, path: str, at: int, **more: str) -> Any:
    """The answer for the Service Centre as it was at a time."""
    found = world.service_centre().get(path, params={"as_at": rfc3339(at), **more})
    assert found.status_code == 200, found.text
    return found.json()


@pytest.mark.parametrize(
    ("after", "status", "entries"),
    [
        (HOUR, "Accepted by DSP", 1),
        (3 * HOUR, "Approved for Distribution", 2),
        (DAY_MS, "Approved for Distribution", 2),
        (2 * DAY_MS, "Successful HAN Transfer", 3),
        (6 * DAY_MS, "Reset by DCC", 4),
    ],
)
def test_an_item_as_it_was(world: World, after: int, status: str, entries: int) -> None:
    """From what had been received: a report that came late is not there before it came."""
    found = asked(world, ITEM, T0 + after)
    assert found["status"] == status
    assert len(found["timeline"]) == entries
    assert found["as_at"] == {"time": rfc3339(T0 + after), "doubts": []}


def test_an_answer_of_now_says_so(world: World) -> None:
    """And an instant behind everything is the same, but for that."""
    now = world.service_centre().get(ITEM).json()
    assert now["as_at"] is None
    then = asked(world, ITEM, NOW)
    assert then.pop("as_at") == {"time": rfc3339(NOW), "doubts": ["not-read-yet"]}
    assert then == {key: value for key, value in now.items() if key != "as_at"}


def test_a_device_as_it_was(world: World) -> None:
    """With the requests that had come by then."""
    path = f"/v1/devices/{DEVICE}"
    early, late = asked(world, path, T0 + DAY_MS), asked(world, path, T0 + 7 * DAY_MS)
    assert [i["service_request_id"] for i in early["items"]] == [MINE]
    assert [i["service_request_id"] for i in late["items"]] == [OTHERS, MINE]


def test_a_report_that_waited_then_waits_then(world: World) -> None:
    """Before its request came, the Service Centre saw it without one."""
    device = device_id(4)
    rows = [delivered(at=T0, offset=7), accepted(MINE, at=T0 - HOUR, received_at=T0 + HOUR)]
    world.put({device: rows}, seen_at=NOW)
    path = f"/v1/devices/{device}"
    waiting = asked(world, path, T0 + 2000)
    assert (len(waiting["items"]), len(waiting["unmatched"])) == (0, 1)
    settled = asked(world, path, T0 + 2 * HOUR)
    assert (len(settled["items"]), len(settled["unmatched"])) == (1, 0)


def test_a_request_as_it_was(world: World) -> None:
    """Page by page; counts are those of the page, and what has ended since is not listed."""
    first = asked(world, REQUEST, T0 + DAY_MS, limit="1")
    assert [i["device_id"] for i in first["items"]] == [DEVICE]
    assert first["counts"] == {"In Progress": 1, "Failed": 0, "Complete": 0}
    assert first["reasons"] == {"APPROVED": 1}
    assert first["as_at"]["doubts"] == ["forgotten"]
    rest = asked(world, REQUEST, T0 + DAY_MS, cursor=first["next_cursor"])
    assert [i["device_id"] for i in rest["items"]] == [UNTOUCHED]
    assert rest["next_cursor"] is None
    later = asked(world, REQUEST, T0 + 5 * DAY_MS - HOUR)
    assert [i["device_id"] for i in later["items"]] == [DEVICE, UNTOUCHED, LATER]


def test_filters_are_those_of_the_instant(world: World) -> None:
    """Not of what the item has become."""
    approved_then = asked(
        world, REQUEST, T0 + DAY_MS, status="Approved for Distribution", reason="APPROVED"
    )
    assert [i["device_id"] for i in approved_then["items"]] == [DEVICE]
    assert asked(world, REQUEST, T0 + DAY_MS, completion="Failed")["items"] == []


def test_a_page_looks_at_so_many_devices(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few of them pass the filters; the walk goes on, and finds what there is."""
    monkeypatch.setattr(instants, "MOST_LOOKED_AT", 1)
    pages, cursor = [], dict[str, str]()
    while True:
        page = asked(world, REQUEST, T0 + 5 * DAY_MS - HOUR, reason="I99", **cursor)
        pages.append([item["device_id"] for item in page["items"]])
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert pages == [[], [UNTOUCHED], [LATER]]


def test_an_empty_answer_of_a_held_request_is_no_refusal(world: World) -> None:
    """Its devices are there now, and were not then."""
    assert asked(world, REQUEST, T0 - DAY_MS)["items"] == []


def test_nobody_learns_from_the_past_what_is_not_his(world: World) -> None:
    """A foreign item, an unknown one and one that was not there yet are one answer."""
    supplier = world.supplier(BETA)
    when = {"as_at": rfc3339(T0 + 7 * DAY_MS)}
    paths = [
        f"/v1/devices/{DEVICE}/service-requests/{MINE}",
        f"/v1/devices/{device_id(77)}/service-requests/{MINE}",
        f"/v1/devices/{DEVICE}/service-requests/{request_id(9, BETA)}",
        REQUEST,
        f"/v1/devices/{UNTOUCHED}",
    ]
    answers = [supplier.get(path, params=when) for path in paths]
    early = {"as_at": rfc3339(T0 + DAY_MS)}
    answers.append(supplier.get(f"/v1/devices/{DEVICE}/service-requests/{OTHERS}", params=early))
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1
    own = supplier.get(f"/v1/devices/{DEVICE}", params=when).json()
    assert [i["service_request_id"] for i in own["items"]] == [OTHERS]


def test_what_has_ended_since_is_a_doubt(world: World) -> None:
    """An item of the device went; another one is still there."""
    device = device_id(5)
    old, kept = request_id(20), request_id(21)
    world.put(
        {device: [accepted(old, at=T0 - 25 * DAY_MS), accepted(kept, at=T0, offset=1)]},
        seen_at=NOW,
    )
    path = f"/v1/devices/{device}/service-requests/{kept}"
    assert asked(world, path, T0 + HOUR)["as_at"]["doubts"] == []
    rows = [accepted(old, at=T0 - 25 * DAY_MS), accepted(kept, at=T0, offset=1)]
    swept = retain(row_of(rows), RETENTION_MS, NOW).row
    world.next_offset += 2
    state = encode_row(swept)
    world.view.apply(batch({device: state}, next_offset=world.next_offset, seen_at=NOW))
    assert asked(world, path, T0 + HOUR)["as_at"]["doubts"] == ["forgotten"]
    assert asked(world, path, T0 + 6 * DAY_MS)["as_at"]["doubts"] == []


@pytest.mark.parametrize("path", [ITEM, REQUEST, f"/v1/devices/{DEVICE}"])
def test_the_askers_own_present_is_no_future(world: World, path: str) -> None:
    """His clock may be ahead of the broker's, or the newest record be read a moment late."""
    present = world.service_centre().get(path).json()
    ahead = asked(world, path, NOW + instants.AHEAD_MS)
    assert "not-read-yet" in ahead["as_at"]["doubts"]
    shown = "items" if "items" in present else "timeline"
    assert present[shown]
    assert ahead[shown] == present[shown]
    further = {"as_at": rfc3339(NOW + instants.AHEAD_MS + 1_000)}
    assert world.service_centre().get(path, params=further).status_code == 422


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("yesterday", "as_at: not a time"),
        ("2026-11-23", "as_at: not a time"),
        ("2026-11-23T06:00:00", "as_at: not a time"),
        ("", "as_at: not a time"),
        ("0001-01-01T00:00:00Z", "as_at: not a time"),
        (rfc3339(NOW + DAY_MS), "as_at: it lies in the future; the latest is 2026-12-03T"),
        ("9999-12-31T23:59:59+00:00", "as_at: it lies in the future"),
    ],
)
def test_what_is_no_instant_is_refused(world: World, at: str, said: str) -> None:
    """With how to write one."""
    for path in (ITEM, REQUEST, f"/v1/devices/{DEVICE}"):
        found = world.service_centre().get(path, params={"as_at": at})
        assert found.status_code == 422
        assert found.json()["detail"].startswith(said)


def test_changes_have_no_instant(world: World) -> None:
    """The two would contradict each other."""
    cursor = world.service_centre().get(REQUEST).json()["changes_cursor"]
    wanted = {"as_at": rfc3339(T0 + DAY_MS), "changed_since": cursor}
    found = world.service_centre().get(REQUEST, params=wanted)
    assert (found.status_code, found.json()["detail"][:14]) == (422, "changed_since:")


def test_an_offset_is_understood(world: World) -> None:
    """Any of RFC 3339."""
    at = datetime.fromtimestamp((T0 + 3 * HOUR) / 1000, UTC)
    for text in (at.isoformat(), at.isoformat().replace("+00:00", "Z")):
        found = world.service_centre().get(ITEM, params={"as_at": text})
        assert found.json()["status"] == "Approved for Distribution"
