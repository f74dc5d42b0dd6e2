"""An item's page as it was at another time."""

from __future__ import annotations

import re

import pytest

from query_api.identity.access import Role
from tests.query_api.world import BETA, DAY_MS, T0, World, accepted, approved, device_id, request_id

HOUR = 3_600_000
MINE = request_id(1)
DEVICE = device_id(1)


@pytest.fixture
def world() -> World:
    """Accepted on 23 November at six, approved two hours later."""
    made = World()
    rows = [accepted(MINE, at=T0), approved(MINE, at=T0 + 2 * HOUR, offset=1)]
    made.put({DEVICE: rows}, seen_at=T0 + 3 * DAY_MS)
    return made


def heading(html: str) -> str:
    """The status that the page shows."""
    found = re.search(r'fdt-now__status">.*?>([^<]+)</strong>', html, re.DOTALL)
    assert found is not None
    return found[1].strip()


def test_the_page_of_an_earlier_time(world: World) -> None:
    """It says so, shows what had come, offers no reset, and does not refresh itself."""
    browser = world.browser(Role.SERVICE_CENTRE)
    address = browser.item(DEVICE, MINE)
    now, then = browser.get(address), browser.get(f"{address}?at=2026-11-23 07:00")
    assert (now.status_code, then.status_code) == (200, 200)
    assert heading(now.text) == "Approved for Distribution"
    assert heading(then.text) == "Accepted by DSP"
    assert "This is how it was on 23 November 2026, 07:00:00 UTC" in then.text
    assert f'href="{address}">Show it as it is now' in then.text
    assert "Reset by DCC</a>" in now.text
    assert "Reset by DCC</a>" not in then.text
    assert "hx-trigger" in now.text
    assert "hx-trigger" not in then.text


@pytest.mark.parametrize("text", ["yesterday", "2026-13-40", "2126-11-23 07:00"])
def test_what_is_no_time_is_said_at_its_field(world: World, text: str) -> None:
    """The page of now, with the mistake."""
    browser = world.supplier_browser()
    found = browser.get(f"{browser.item(DEVICE, MINE)}?at={text}")
    assert found.status_code == 400
    assert heading(found.text) == "Approved for Distribution"
    assert 'id="at-error"' in found.text


def test_before_anything_was_received(world: World) -> None:
    """Nothing was known then; the way back is there."""
    browser = world.supplier_browser()
    found = browser.get(f"{browser.item(DEVICE, MINE)}?at=2026-11-22")
    assert found.status_code == 200
    assert "Nothing was known then" in found.text


def test_another_s_item_has_no_past(world: World) -> None:
    """Whatever time is asked for, as now."""
    browser = world.supplier_browser(BETA)
    address = browser.item(DEVICE, MINE)
    answers = [
        browser.get(f"{address}{at}") for at in ("", "?at=2026-11-23 07:00", "?at=1999-01-01")
    ]
    assert {answer.status_code for answer in answers} == {404}
    told = {re.sub(r' (?:value|nonce)="[^"]*"', "", answer.text) for answer in answers}
    assert len(told) == 1
