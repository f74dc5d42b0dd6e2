"""``changed_since`` misses no change, whichever server is asked; ``reason`` and ``reasons``."""

from __future__ import annotations

import random
from typing import Any

import pytest

from projections.state import Report
from query_api.queries.changes import Seen, cursor, seen_in
from query_api.view.layout import Meta
from query_api.view.status_view import View
from schemas.identifiers import DeviceId
from storage.store import MemoryStore
from tests.query_api.world import (
    RETENTION_MS,
    T0,
    World,
    accepted,
    approved,
    batch,
    device_id,
    request_id,
    state,
)

R1 = request_id(1)
PATH = f"/v1/service-requests/{R1}"


def asked(world: World, since: str | None = None, more: str = "") -> dict[str, Any]:
    """One answer."""
    query = "" if since is None else f"&changed_since={since}"
    answer = world.supplier().get(f"{PATH}?limit=500{query}{more}")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def devices(answer: dict[str, Any]) -> list[str]:
    """Its Device IDs."""
    return [item["device_id"] for item in answer["items"]]


def test_only_what_changed_is_listed() -> None:
    """And nothing, where nothing did; counts are of the whole request all the same."""
    world = World()
    world.put({device_id(n): [accepted(R1)] for n in range(5)})
    first = asked(world)
    assert len(first["items"]) == 5
    assert asked(world, first["changes_cursor"])["items"] == []
    world.put({device_id(3): [accepted(R1), approved(R1)], device_id(9): [accepted(R1)]})
    second = asked(world, first["changes_cursor"])
    assert devices(second) == [device_id(3), device_id(9)]
    assert sum(second["counts"].values()) == 6
    assert asked(world, second["changes_cursor"])["items"] == []
    assert devices(asked(world, first["changes_cursor"])) == devices(second)


def test_filters_and_pages_go_with_it() -> None:
    """The pages of what changed; of a walk the first page's cursor is the one to keep."""
    world = World()
    world.put({device_id(n): [accepted(R1)] for n in range(10)})
    since = asked(world)["changes_cursor"]
    world.put({device_id(n): [accepted(R1), approved(R1)] for n in range(2, 8)})
    client, found, place = world.supplier(), list[str](), ""
    while True:
        page = client.get(f"{PATH}?limit=4&changed_since={since}{place}").json()
        found += devices(page)
        if page["next_cursor"] is None:
            break
        place = f"&cursor={page['next_cursor']}"
    assert found == [device_id(n) for n in range(2, 8)]
    assert asked(world, since, "&status=Accepted%20by%20DSP")["items"] == []


class Follower:
    """A back end that keeps a copy by what changed, asking one server or another."""

    def __init__(self) -> None:
        self.held: dict[str, Any] = {}
        self.since: str | None = None

    def follow(self, world: World) -> None:
        """One answer more."""
        answer = asked(world, self.since)
        self.held |= {item["device_id"]: item for item in answer["items"]}
        self.since = answer["changes_cursor"]


@pytest.mark.parametrize("seed", range(8))
def test_two_servers_with_batches_of_their_own_hide_no_change(seed: int) -> None:
    """The log is applied in other pieces by each; at the end the copy is what both show."""
    chance = random.Random(seed)
    log = [
        (
            device_id(chance.randrange(20)),
            chance.choice([[accepted(R1)], [accepted(R1), approved(R1)]]),
        )
        for _ in range(120)
    ]
    worlds, applied, follower = [World(), World()], [0, 0], Follower()
    apply(worlds[0], log[:1], 0)
    applied[0] = 1
    apply(worlds[1], log[:1], 0)
    applied[1] = 1
    while min(applied) < len(log):
        number = chance.randrange(2)
        end = min(len(log), applied[number] + chance.randint(1, 9))
        if end > applied[number]:
            apply(worlds[number], log[applied[number] : end], applied[number])
            applied[number] = end
        follower.follow(worlds[chance.randrange(2)])
    for world in worlds:
        follower.follow(world)
        assert follower.held == {item["device_id"]: item for item in asked(world)["items"]}


def apply(world: World, records: list[tuple[DeviceId, list[Report]]], start: int) -> None:
    """A piece of the log as one batch: of each key the last record."""
    rows = {device: state(reports) for device, reports in records}
    world.view.apply(batch(rows, next_offset=start + len(records)))
    world.progress.reach({0: start + len(records)})


def test_a_cursor_of_another_topic_begins_anew() -> None:
    """Offsets of a topic that was made again say nothing; neither does what is no cursor."""
    world = World()
    world.put({device_id(1): [accepted(R1)]})
    other = World(view=View.create(MemoryStore(), Meta("another", 1)))
    other.put({device_id(1): [accepted(R1)]})
    since = asked(other)["changes_cursor"]
    wrong = {since: "another status topic", "abc": "changes_cursor", "é": "gave out"}
    for text, word in wrong.items():
        answer = world.supplier().get(f"{PATH}?changed_since={text}")
        assert answer.status_code == 422
        assert answer.json()["detail"].startswith("changed_since: ")
        assert word in answer.json()["detail"]


def test_a_cursor_is_what_it_was() -> None:
    """For as many partitions as there may be."""
    seen = Seen(b"topic!", tuple(range(10**9, 10**9 + 500)))
    assert seen_in(cursor(seen)) == seen
    assert len(cursor(seen)) < 4_000


def test_reasons_are_counted_and_filter() -> None:
    """By native code with its result; of the whole request, before filters and paging."""
    world = World()
    world.put({device_id(n): [accepted(R1)] for n in range(5)})
    world.put({device_id(n): [accepted(R1), approved(R1)] for n in range(3)})
    answer = asked(world)
    codes = [item["reason"]["code"] for item in answer["items"]]
    assert answer["reasons"] == {codes[0]: 3, codes[4]: 2}
    assert list(answer["reasons"]) == [codes[0], codes[4]]
    for code, expected in ((codes[0], range(3)), (codes[4].lower(), range(3, 5))):
        found = asked(world, more=f"&reason={code}")
        assert devices(found) == [device_id(n) for n in expected]
        assert found["reasons"] == answer["reasons"]
    assert len(asked(world, more=f"&reason={codes[0]}&reason={codes[4]}")["items"]) == 5
    assert asked(world, more="&reason=E99")["items"] == []
    csv = world.supplier().get(f"{PATH}.csv?reason={codes[4]}").text
    assert csv.count("\r\n") == 1 + 2
    assert world.trail.entries[-1].rows == 2


def test_reasons_leave_out_what_is_due() -> None:
    """As counts do, though no tombstone has come yet."""
    world = World()
    world.put({device_id(1): [accepted(R1, at=T0 - RETENTION_MS + 90_000)]})
    world.put({device_id(2): [accepted(R1)]})
    assert sum(asked(world)["reasons"].values()) == 2
    world.put({device_id(3): [accepted(R1)]}, seen_at=T0 + 200_000)
    answer = asked(world)
    assert sum(answer["reasons"].values()) == 2 == sum(answer["counts"].values())
