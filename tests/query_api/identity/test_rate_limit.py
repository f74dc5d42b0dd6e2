"""Limits for each user: how many, and when the next try is answered."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query_api.identity.access import Role
from query_api.identity.endings import digest
from query_api.identity.rate_limit import TOLD_SHARE, RateLimit, TooMany
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


def lets(limit: RateLimit) -> bool:
    """Whether one more is let through."""
    try:
        limit.take("alice")
    except TooMany:
        return False
    return True


@given(
    per_minute=st.integers(1, 200),
    sides=st.integers(2, 4),
    steps=st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=600),
)
def test_a_user_who_goes_from_one_to_another_gets_little_more(
    per_minute: int, sides: int, steps: list[tuple[int, bool]]
) -> None:
    """Within one moment: the limit, of each further read side a share, and what is on its way."""
    waiting: list[tuple[int, bytes, int]] = []
    clock = Clock()

    def of(me: int) -> RateLimit:
        def tell(_: str, user: bytes, count: int) -> None:
            waiting.append((me, user, count))

        return RateLimit("searches", per_minute, clock, tell)

    limits = [of(me) for me in range(sides)]
    taken = most_waiting = 0
    for at, delivered in steps:
        taken += lets(limits[at % sides])
        most_waiting = max(most_waiting, sum(count for _, _, count in waiting))
        if delivered:
            for me, user, count in waiting:
                for other, limit in enumerate(limits):
                    if other != me:
                        limit.learn(user, count, 0.0)
            waiting.clear()
    share = max(1, int(per_minute * TOLD_SHARE))
    assert taken <= per_minute + (sides - 1) * (share - 1 + most_waiting)


def test_a_small_limit_counts_once_to_the_last() -> None:
    """Below sixteen a minute everything is told."""
    clock = Clock()
    other = RateLimit("downloads", 10, clock)
    first = RateLimit("downloads", 10, clock, lambda _, user, n: other.learn(user, n, 0.0))
    assert [lets(first) for _ in range(6)] == [True] * 6
    assert [lets(other) for _ in range(6)] == [True] * 4 + [False] * 2


def test_somebody_who_asks_now_and_then_is_not_told_of() -> None:
    """One look-up a second of 120 a minute: the bucket is full again before the next."""
    clock, told = Clock(), list[int]()
    limit = RateLimit("searches", 120, clock, lambda _, __, count: told.append(count))
    for _ in range(500):
        limit.take("alice")
        clock.now += 1.0
    assert told == []
    for _ in range(15):
        limit.take("alice")
    assert told == [7, 7]


def test_what_was_taken_long_ago_is_no_news() -> None:
    """A read side that starts reads the last minutes too."""
    clock = Clock()
    mine, key = RateLimit("searches", 60, clock), digest("user", "alice")
    mine.learn(key, 30, 31.0)
    assert mine.allowance("alice").left == 60
    mine.learn(key, 30, 10.0)
    assert mine.allowance("alice").left == 40
    mine.learn(key, 1_000, -5.0)
    assert mine.allowance("alice").left == 0
    clock.now = 60.0
    assert mine.allowance("alice").left == 60
