"""How long something lasts reads the same wherever it is said."""

from __future__ import annotations

from datetime import timedelta

import pytest

from fdt.commands.topics import topic_lines
from fdt.kafka.topics import specs_of
from fdt.settings import Settings
from query_api.web.problems import not_found
from runtime.logs.durations import exactly, roughly
from tests.query_api.world import World, request_id

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
IN_WORDS = {
    30 * DAY: "30 days",
    DAY: "1 day",
    36 * HOUR: "1 day 12 hours",
    8 * HOUR: "8 hours",
    HOUR: "1 hour",
    90_000: "1 minute 30 seconds",
    1_000: "1 second",
    500: "0.5 seconds",
    1: "0.001 seconds",
    400 * DAY + HOUR + MINUTE + 59_999: "400 days 1 hour 1 minute 59.999 seconds",
}


@pytest.mark.parametrize(("ms", "words"), IN_WORDS.items())
def test_nothing_of_a_duration_is_left_out(ms: int, words: str) -> None:
    """In whole units, the largest first."""
    assert exactly(ms) == words


def test_what_has_passed_is_two_units_at_most() -> None:
    """As people say it; clocks differ, so a little may lie ahead."""
    assert roughly(0) == roughly(-5) == roughly(59_999) == "less than a minute"
    assert roughly(MINUTE) == "1 minute"
    assert roughly(3 * DAY + 4 * HOUR + 5 * MINUTE) == "3 days 4 hours"
    assert roughly(2 * DAY + 5 * MINUTE) == "2 days"


@pytest.mark.parametrize("duration", ["PT8H", "PT36H", "PT90S"])
def test_a_retention_is_said_alike_by_command_and_problem(duration: str) -> None:
    """What ``fdt topics`` says of the topics, and what people and programs read when nothing is
    held."""
    settings = Settings(
        retention=duration, event_retention=duration, dead_letter_retention=duration
    )
    ms = settings.retention // timedelta(milliseconds=1)
    specs = specs_of(settings)
    told = {one.topic: one.keeps for one in topic_lines(specs, set(), [], settings.retention)}
    assert told["firmware.dsp.v1"] == f"every record for {exactly(ms)}"
    assert f"{exactly(ms)} after its last change" in told["firmware.status.v1"]
    assert f"of the last {exactly(ms)} is held" in not_found(ms).detail


def test_a_page_says_the_retention_whole() -> None:
    """Not cut to its largest units."""
    made = World(retention_ms=90_000)
    browser = made.supplier_browser()
    page = browser.get(browser.request(request_id(9))).text
    assert "last 1 minute 30 seconds is held" in " ".join(page.split())
