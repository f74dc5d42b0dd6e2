"""What docs/api-versions.md guarantees of a walk through pages, while the request changes."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from schemas.identifiers import DeviceId
from tests.query_api.world import World, accepted, approved, device_id, request_id

R1 = request_id(1)
DEVICES = 240


class Campaign:
    """A request whose devices come, change and go; it remembers which were always there."""

    def __init__(self, seed: int) -> None:
        self.world = World()
        self.random = random.Random(seed)
        self.held = set(range(0, DEVICES, 2))
        self.always: set[int] = set(self.held)
        self.ever: set[int] = set(self.held)
        self.world.put({device_id(n): [accepted(R1)] for n in self.held})

    def change(self) -> None:
        """Some come, some go, some only change their status; some come back."""
        rows: dict[DeviceId, list[object] | None] = {}
        for number in self.random.sample(range(DEVICES), 25):
            if number in self.held and self.random.random() < 0.3:
                rows[device_id(number)] = None
                self.held.discard(number)
                self.always.discard(number)
            else:
                rows[device_id(number)] = [accepted(R1), approved(R1)]
                self.held.add(number)
                self.ever.add(number)
        self.world.put(rows)  # type: ignore[arg-type]

    def walk(self, limit: int, filters: str = "") -> list[str]:
        """The Device IDs of all pages; the request changes before each but the first."""
        client, found, cursor = self.world.supplier(), list[str](), ""
        while True:
            path = f"/v1/service-requests/{R1}?limit={limit}{filters}{cursor}"
            page = client.get(path).json()
            found += [item["device_id"] for item in page["items"]]
            if page["next_cursor"] is None:
                return found
            cursor = f"&cursor={page['next_cursor']}"
            self.change()


@pytest.mark.parametrize("seed", range(6))
def test_a_walk_has_every_item_that_was_always_there_and_none_twice(seed: int) -> None:
    """In order of Device ID; nothing that was never there."""
    campaign = Campaign(seed)
    found = campaign.walk(limit=7)
    assert [device for device, times in Counter(found).items() if times > 1] == []
    assert found == sorted(found)
    assert {device_id(n) for n in campaign.always} <= set(found)
    assert set(found) <= {device_id(n) for n in campaign.ever}
    assert len(campaign.always) > 20
    assert len(campaign.always) < DEVICES / 2 < len(campaign.ever)


def test_with_a_filter_the_same_holds_of_what_always_passes_it() -> None:
    """Every item here passes it all the time that it is held."""
    campaign = Campaign(9)
    found = campaign.walk(limit=7, filters="&completion=In%20Progress")
    assert {device_id(n) for n in campaign.always} <= set(found)
    assert len(set(found)) == len(found)


def test_a_cursor_goes_on_with_another_limit_and_other_filters() -> None:
    """And on another server: it is only a place."""
    campaign = Campaign(3)
    path = f"/v1/service-requests/{R1}"
    page = campaign.world.supplier().get(f"{path}?limit=5").json()
    cursor = page["next_cursor"]
    other = campaign.world.supplier().get(
        f"{path}?limit=500&completion=In%20Progress&cursor={cursor}"
    )
    rest = [item["device_id"] for item in other.json()["items"]]
    assert len(rest) == DEVICES // 2 - 5
    assert min(rest) > page["items"][-1]["device_id"]
