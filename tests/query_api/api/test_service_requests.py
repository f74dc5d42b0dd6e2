"""``GET /v1/service-requests/{id}``: pages, filters, counts and freshness."""

from __future__ import annotations

import pytest

from query_api.identity.access import Role
from query_api.view.progress import Progress
from tests.query_api.world import (
    DAY_MS,
    RETENTION_MS,
    T0,
    World,
    accepted,
    approved,
    batch,
    delivered,
    device_id,
    new_view,
    rejected,
    request_id,
    state,
)

R1, R2 = request_id(1), request_id(2)
PATH = f"/v1/service-requests/{R1}"


def test_an_item_has_exactly_the_fields_of_the_contract() -> None:
    """Names, words and formats are published: this answer is pinned as a whole."""
    world = World()
    world.put(
        {device_id(1): [accepted(R1, offset=7), delivered(offset=9, at=T0 + 5000)]},
        last_received={"csp/North": T0 + 1, "dsp": T0},
    )
    answer = world.supplier().get(PATH)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "items": [
            {
                "service_request_id": R1,
                "device_id": "00-DB-12-34-56-00-00-01",
                "device_type": "ESME",
                "firmware_version": "0002012F",
                "status": "Successful HAN Transfer",
                "completion": "In Progress",
                "reason": {
                    "code": "8F8A/0",
                    "text": "The hub transferred the image to the device",
                    "next_step": "Activate the firmware with 11.3.",
                    "retryable": False,
                },
                "updated_at": "2026-11-23T06:00:05.000Z",
                "available_until": "2026-12-23T06:00:06.000Z",
                "evidence": {
                    "topic": "firmware.comms-hub.v1",
                    "partition": 0,
                    "offset": 9,
                    "event_id": "00000000-0000-0000-0000-000000000009",
                },
            }
        ],
        "next_cursor": None,
        "counts": {"In Progress": 1, "Failed": 0, "Complete": 0},
        "reasons": {"8F8A/0": 1},
        "changes_cursor": "ApLEBiKc7tnjYJEC",
        "freshness": {
            "lag_events": 0,
            "as_of": "2026-11-23T06:01:00.000Z",
            "sources": {
                "csp/North": "2026-11-23T06:00:00.001Z",
                "dsp": "2026-11-23T06:00:00.000Z",
            },
        },
        "as_at": None,
    }


@pytest.fixture(scope="module")
def campaign() -> World:
    """5,000 devices of one request, every tenth refused; one device of another request."""
    world = World()
    world.put({device_id(9999): [accepted(R2)]})
    for start in range(0, 5000, 1000):
        world.put(
            {
                device_id(n): [rejected(R1) if n % 10 == 0 else accepted(R1)]
                for n in range(start, start + 1000)
            }
        )
    return world


@pytest.mark.parametrize("limit", [500, 333])
def test_paging_shows_every_device_once_and_in_order(campaign: World, limit: int) -> None:
    """5,000 rows by cursor: no gap, no repeat, and the last page has no cursor."""
    client, seen, cursor = campaign.supplier(), list[str](), None
    while True:
        query = {"limit": limit} | ({"cursor": cursor} if cursor else {})
        page = client.get(PATH, params=query).json()
        assert len(page["items"]) <= limit
        assert page["counts"] == {"In Progress": 4500, "Failed": 500, "Complete": 0}
        seen += [item["device_id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [device_id(n) for n in range(5000)]


def test_a_page_has_a_hundred_items_unless_asked(campaign: World) -> None:
    """The default limit; ``limit`` goes up to the setting."""
    assert len(campaign.supplier().get(PATH).json()["items"]) == 100
    assert campaign.supplier().get(PATH, params={"limit": 501}).status_code == 422


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("completion=Failed", 500),
        ("status=Rejected+by+DSP", 500),
        ("status=Rejected+by+DSP&status=Accepted+by+DSP", 5000),
        ("completion=In+Progress&completion=Failed", 5000),
        ("completion=In+Progress&status=Rejected+by+DSP", 0),
        ("completion=Complete", 0),
    ],
)
def test_filters_narrow_the_items_and_not_the_counts(
    campaign: World, query: str, number: int
) -> None:
    """Counts are of the whole request; a filter that nothing passes is an empty list, not a 404."""
    client, seen, cursor = campaign.supplier(), 0, ""
    while True:
        answer = client.get(f"{PATH}?{query}&limit=500{cursor}").json()
        seen += len(answer["items"])
        assert answer["counts"] == {"In Progress": 4500, "Failed": 500, "Complete": 0}
        if answer["next_cursor"] is None:
            break
        cursor = f"&cursor={answer['next_cursor']}"
    assert seen == number


def test_a_cursor_stays_good_while_devices_come_and_go() -> None:
    """A page goes on behind the last Device ID shown, whatever has changed before or at it."""
    world = World()
    world.put({device_id(n): [accepted(R1)] for n in range(10)})
    client = world.supplier()
    first = client.get(PATH, params={"limit": 4}).json()
    world.put({device_id(3): None, device_id(1): None, device_id(5): None})
    second = client.get(PATH, params={"limit": 500, "cursor": first["next_cursor"]}).json()
    assert [item["device_id"] for item in second["items"]] == [
        device_id(n) for n in (4, 6, 7, 8, 9)
    ]


def test_an_item_past_its_retention_is_hidden_though_nothing_is_written_any_more() -> None:
    """A processor that is down stops no time: the read side counts on from what it last heard."""
    world, ours = World(), [1_000.0]
    world.progress = Progress(clock=lambda: ours[0])
    world.progress.begin(world.view, {0: 0}, {0: 0})
    old = accepted(R1, at=T0)
    world.put({device_id(1): [old]}, seen_at=old.received_at)
    world.progress.hear(old.received_at)
    client = world.supplier()
    ours[0] += RETENTION_MS / 1000 - 1
    world.progress.hear(old.received_at + 500)  # late news sets no clock back
    assert client.get(PATH).status_code == 200
    ours[0] += 1
    assert client.get(PATH).status_code == 404


def test_an_item_past_its_retention_is_hidden_before_its_tombstone_comes() -> None:
    """I8: from ``available_until`` on, by the broker's time, no read shows the item."""
    world = World()
    old, young = accepted(R1, at=T0), accepted(R1, at=T0 + DAY_MS)
    world.put({device_id(1): [old], device_id(2): [young]})
    client = world.supplier()
    expiry = old.received_at + RETENTION_MS
    world.put({}, seen_at=expiry - 1)
    assert len(client.get(PATH).json()["items"]) == 2
    world.put({}, seen_at=expiry)
    answer = client.get(PATH).json()
    assert [item["device_id"] for item in answer["items"]] == [device_id(2)]
    assert answer["counts"]["In Progress"] == 1
    assert client.get(f"/v1/devices/{device_id(1)}").status_code == 404
    assert client.get(f"/v1/devices/{device_id(1)}/service-requests/{R1}").status_code == 404
    world.put({}, seen_at=young.received_at + RETENTION_MS)
    assert client.get(PATH).status_code == 404
    assert client.get(f"{PATH}.csv").status_code == 404


def test_the_spelling_of_an_id_does_not_matter() -> None:
    """IDs are compared without case, and the counter without leading zeros."""
    world = World()
    world.put({device_id(1): [accepted(R1)]})
    spelled = R1.lower().removesuffix(":1") + ":0001"
    assert world.supplier().get(f"/v1/service-requests/{spelled}").json()["items"]


def test_the_etag_is_that_of_the_content() -> None:
    """The same content is a 304; a new batch is new content."""
    world = World()
    world.put({device_id(1): [accepted(R1)]})
    client = world.supplier()
    etag = client.get(PATH).headers["etag"]
    for sent in (etag, f'"other", {etag}', "*"):
        again = client.get(PATH, headers={"If-None-Match": sent})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
        assert "Authorization" in again.headers["vary"]
    world.put({device_id(1): [accepted(R1), approved(R1, offset=1)]})
    changed = client.get(PATH, headers={"If-None-Match": etag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != etag


def test_freshness_is_that_of_the_partition_furthest_behind() -> None:
    """``as_of`` is the least over the partitions, once each has one; sources are the newest."""
    world = World(view=new_view(partitions=2))
    client = world.service_centre()
    row = {device_id(1): state([accepted(R1)])}
    world.view.apply(batch(row, next_offset=2, seen_at=T0 + 9000, last_received={"dsp": T0 + 5}))
    assert client.get(PATH).json()["freshness"]["as_of"] is None
    later = {"dsp": T0 + 3, "csp/South": T0 + 4}
    world.view.apply(batch({}, partition=1, next_offset=1, seen_at=T0 + 8000, last_received=later))
    assert client.get(PATH).json()["freshness"] == {
        "lag_events": 0,
        "as_of": "2026-11-23T06:00:08.000Z",
        "sources": {
            "csp/South": "2026-11-23T06:00:00.004Z",
            "dsp": "2026-11-23T06:00:00.005Z",
        },
    }


def test_the_lag_is_the_distance_to_the_end_of_the_topic() -> None:
    """Offsets behind the end; null once the broker has been silent for a while."""
    world = World()
    world.put({device_id(1): [accepted(R1)]})
    client = world.client(Role.AUDITOR)
    world.progress.see_ends({0: 42})
    assert client.get(PATH).json()["freshness"]["lag_events"] == 42 - world.next_offset
    world.progress._ends_seen_at = -1e9
    assert client.get(PATH).json()["freshness"]["lag_events"] is None
