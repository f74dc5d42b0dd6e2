"""Virtual time against the wall clock, at any speed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.topics import Source
from sources.planning.events import PlannedEvent
from sources.planning.journeys.steps import FAST_CLOCK_MS, SLOW_CLOCK_MS
from sources.planning.vocabulary import DAY_MS, HOUR_MS
from sources.schedule import FASTEST, HORIZON_MS, LAST_PUBLICATION_MS, SLOWEST, Schedule

START_MS = 1_795_000_000_000

speeds = st.floats(SLOWEST, FASTEST)
rates = st.none() | st.floats(1.0, 1e6)
ordinals = st.integers(0, 100_000)
moments = st.integers(0, HORIZON_MS)
delays = st.integers(0, LAST_PUBLICATION_MS)


def event(occurred_ms: int, publish_ms: int, skew_ms: int | None = None) -> PlannedEvent:
    """An event of which only the times matter."""
    return PlannedEvent(Source.CSP, "", "", {}, occurred_ms, publish_ms, skew_ms)


@given(speeds, moments, delays)
def test_an_honest_event_is_received_after_it_occurred_and_within_two_days(
    speed: float, occurred_ms: int, delay: int
) -> None:
    """So the clock-skew rule never touches it; two hours are left for whatever is slow."""
    schedule = Schedule.starting(START_MS, speed)
    planned = event(occurred_ms, min(occurred_ms + delay, LAST_PUBLICATION_MS))
    age = schedule.due_ms(planned.publish_ms, 0) - schedule.occurred_at(planned, 0)
    assert -2 <= age <= 2 * DAY_MS - 2 * HOUR_MS


@given(speeds, rates, moments, ordinals, st.sampled_from([FAST_CLOCK_MS, SLOW_CLOCK_MS]))
def test_a_wrong_clock_is_wrong_at_any_speed(
    speed: float, rate: float | None, publish_ms: int, ordinal: int, skew_ms: int
) -> None:
    """More than an hour ahead or two days behind, with two hours to spare for a slow publisher."""
    schedule = Schedule.starting(START_MS, speed, rate)
    planned = event(0, publish_ms, skew_ms)
    age = schedule.due_ms(publish_ms, ordinal) - schedule.occurred_at(planned, ordinal)
    assert age + 2 * HOUR_MS < -HOUR_MS or age > 2 * DAY_MS


@given(speeds, moments, moments)
def test_distances_between_events_survive_the_squeeze(speed: float, one: int, other: int) -> None:
    """Only publication is squeezed: the hour of tolerance is a real hour."""
    schedule = Schedule.starting(START_MS, speed)
    distance = schedule.occurred_at(event(one, one), 0) - schedule.occurred_at(
        event(other, other), 0
    )
    assert distance == one - other


@given(speeds, rates, moments, moments, ordinals)
def test_publications_never_change_places(
    speed: float, rate: float | None, one: int, other: int, ordinal: int
) -> None:
    """What goes out later in the plan is due no earlier."""
    schedule = Schedule.starting(START_MS, speed, rate)
    first, second = sorted((one, other))
    assert schedule.due_ms(first, ordinal) <= schedule.due_ms(second, ordinal + 1)


@given(speeds, st.floats(1.0, 1e5), ordinals)
def test_the_rate_is_kept_over_all_sources(speed: float, rate: float, ordinal: int) -> None:
    """The nth record goes out no earlier than n / rate seconds after the start."""
    schedule = Schedule.starting(START_MS, speed, rate)
    assert schedule.due_ms(0, ordinal) >= schedule.start_ms + ordinal * 1000 / rate - 1


@given(speeds)
def test_the_first_publication_is_due_at_the_start(speed: float) -> None:
    """And the base alone, as it stands in a file, gives the same schedule again."""
    schedule = Schedule.starting(START_MS, speed)
    assert abs(schedule.due_ms(0, 0) - START_MS) <= 1
    assert Schedule(schedule.base_ms, speed).start_ms == schedule.start_ms


@pytest.mark.parametrize("speed", [0.0, 0.99, -5.0, 2e6, float("nan")])
def test_an_impossible_speed_is_refused(speed: float) -> None:
    """Slower than the world would need two-day clocks."""
    with pytest.raises(ValueError, match="use 1 to 1e"):
        Schedule(START_MS, speed)


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan")])
def test_an_impossible_rate_is_refused(rate: float) -> None:
    """No cap is said by leaving it out."""
    with pytest.raises(ValueError, match="above 0"):
        Schedule(START_MS, 1.0, rate)
