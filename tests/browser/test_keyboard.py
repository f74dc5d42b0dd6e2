"""The whole journey by keyboard, with the focus always seen and never covered."""

from __future__ import annotations

from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import campaign as c
from tests.browser.chromium import NARROW, WIDE, page_of
from tests.query_api.serving import Served

MOST_TABS: Final = 90

_FOCUS: Final = """() => {
  const e = document.activeElement;
  const box = (e.closest("label") || e).getBoundingClientRect();
  const style = getComputedStyle(e);
  const label = e.labels && e.labels[0];
  const middle = [box.left + box.width / 2, box.top + Math.min(box.height / 2, 10)];
  const over = document.elementFromPoint(...middle);
  const before = label ? getComputedStyle(label, "::before") : style;
  return {
    name: (e.innerText || (label && label.innerText) || e.value || "").trim(),
    seen: box.width > 0 && box.bottom > 0 && box.top < innerHeight,
    uncovered: !over || e.contains(over) || over.contains(e) || (label && label.contains(over)),
    marked: [style, before].some((s) => s.boxShadow !== "none" ||
      (s.outlineStyle !== "none" && s.outlineWidth !== "0px")),
  };
}"""


def tab_to(page: Page, name: str, key: str = "Tab") -> None:
    """Press Tab until the element of that name has the focus; every stop on the way is checked."""
    for _ in range(MOST_TABS):
        page.keyboard.press(key)
        focus: dict[str, Any] = page.evaluate(_FOCUS)
        assert focus["seen"], focus
        assert focus["uncovered"], focus
        assert focus["marked"], focus
        if focus["name"].startswith(name):
            return
    raise AssertionError(f"{name} is not reached by keyboard")


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_journey_needs_no_mouse(browser: Browser, shown: Served, width: int) -> None:
    """Sign in, search, mend a mistake, filter, open an item and its evidence, sign out."""
    with page_of(browser, shown.url, viewport={"width": width, "height": 700}) as page:
        page.goto("/")
        tab_to(page, "Sign in")
        page.keyboard.press("Enter")
        expect(page).to_have_title("Development sign-in – Firmware Distribution Tracking")
        tab_to(page, "Sam Supplier")
        page.keyboard.press("Enter")
        page.wait_for_url("**/search")
        page.keyboard.press("Tab")
        assert page.evaluate(_FOCUS)["name"] == "Skip to main content"
        page.keyboard.press("Enter")
        tab_to(page, "Service Request ID")
        page.keyboard.press("Space")
        page.keyboard.press("Tab")
        page.keyboard.type("not an ID")
        page.keyboard.press("Enter")
        expect(page.locator(".govuk-error-summary")).to_be_focused()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_label("Search term")).to_be_focused()
        page.keyboard.press("Control+A")
        page.keyboard.type(c.REQUEST)
        page.keyboard.press("Enter")
        page.wait_for_url("**/requests/**")
        tab_to(page, "All")
        page.keyboard.type("Failed")
        tab_to(page, "Filter")
        page.keyboard.press("Enter")
        page.wait_for_url("**completion=Failed**")
        tab_to(page, c.FAILED)
        page.keyboard.press("Enter")
        page.wait_for_url("**/devices/**")
        tab_to(page, "Where this comes from")
        page.keyboard.press("Enter")
        expect(page.locator("details[open]")).to_have_count(1)
        tab_to(page, "Sign out", "Shift+Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_have_text("You have signed out.")
