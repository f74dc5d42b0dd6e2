"""Limits for each user: how many, and when the next try is answered."""

from __future__ import annotations

from dataclasses import replace

import pytest

from query_api.identity.access import Role
from query_api.identity.rate_limit import RateLimit, TooMany
from tests.query_api.world import ALPHA, GENEROUS, World, accepted, device_id, request_id

R1 = request_id(1)
D1 = device_id(1)


class Clock:
    """A clock that is set."""

    now = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


def test_a_minutes_worth_at_once_then_evenly() -> None:
    """The promised time is when it works again, and not a second later."""
    clock = Clock()
    limit = RateLimit("searches", 3, clock)
    for _ in range(3):
        limit.take("alice")
    with pytest.raises(TooMany, match="more than 3 searches in a minute") as refused:
        limit.take("alice")
    assert refused.value.retry_after_s == 20
    limit.take("bob")
    clock.now = 19.9
    with pytest.raises(TooMany, match="Try again in 1 second"):
        limit.take("alice")
    clock.now = 20.0
    limit.take("alice")


def test_programs_and_people_are_told_when() -> None:
    """429 and Retry-After; the two share one limit, for it is one user."""
    world = World(screen=replace(GENEROUS, searches_per_minute=2, downloads_per_minute=1))
    world.put({D1: [accepted(R1)]})
    browser = world.browser(Role.SUPPLIER, user_ids=[ALPHA])
    assert browser.get(browser.device(D1)).status_code == 200
    assert browser.get(browser.request(R1)).status_code == 200
    answer = browser.get(browser.device(D1))
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 30
    assert "You have asked too often" in answer.text
    assert "Try again in" in answer.text
    client = world.supplier()
    assert client.get(f"/v1/service-requests/{R1}.csv").status_code == 200
    refused = client.get(f"/v1/service-requests/{R1}.csv")
    assert refused.status_code == 429
    assert refused.json()["type"].endswith("too-many")
    assert refused.headers["retry-after"] == "60"


def test_what_is_left_is_told_and_not_counted() -> None:
    """Down by one a look-up, up again as time goes."""
    clock = Clock()
    limit = RateLimit("searches", 60, clock)
    assert (limit.allowance("alice").left, limit.allowance("alice").full_in_s) == (60, 0)
    for _ in range(3):
        limit.take("alice")
    found = limit.allowance("alice")
    assert (found.name, found.per_minute, found.left, found.full_in_s) == ("searches", 60, 57, 3)
    assert limit.allowance("bob").left == 60
    clock.now = 1.5
    assert (limit.allowance("alice").left, limit.allowance("alice").full_in_s) == (58, 2)
    clock.now = 100
    assert limit.allowance("alice").left == 60


def test_every_answer_tells_a_program_how_many_are_left() -> None:
    """Also one that has changed nothing; until the answer is 429."""
    world = World(screen=replace(GENEROUS, searches_per_minute=2))
    world.put({D1: [accepted(R1)]})
    client = world.supplier()
    first = client.get(f"/v1/devices/{D1}")
    assert first.headers["ratelimit-policy"] == '"searches";q=2;w=60'
    assert first.headers["ratelimit"] == '"searches";r=1;t=30'
    second = client.get(f"/v1/devices/{D1}", headers={"If-None-Match": first.headers["etag"]})
    assert second.status_code == 304
    assert second.headers["ratelimit"].startswith('"searches";r=0;t=')
    third = client.get(f"/v1/devices/{D1}")
    assert third.status_code == 429
    assert 0 < int(third.headers["retry-after"]) <= 30
