"""Every page and state, looked at by axe-core and measured, wide and narrow; and photographed.

``SCREENS=FOLDER`` keeps the pictures (``make screens``).
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Page

from query_api.audit.entry import AuditEntry
from query_api.audit.spool import SpoolFull
from query_api.identity.access import Caller
from schemas.identifiers import Eui64
from tests.browser import campaign as c
from tests.browser.chromium import NARROW, WIDE, page_of, search
from tests.query_api.serving import SERVED, Served

RULES: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
TALLEST: Final = 1300
"""Pixels of a picture; a long list goes on as it began."""

SUPPLIER, CENTRE, AUDITOR, OTHER = "Sam Supplier", "Chris Centre", "Ada Auditor", "Ned Network"


def _request(page: Page) -> None:
    search(page, "Service Request ID", c.REQUEST)


def _device(page: Page, device: str) -> None:
    search(page, "Device ID", device)


def _item(page: Page, device: str) -> None:
    _device(page, device)
    page.locator("tbody a").first.click()


def _failed(page: Page) -> None:
    _request(page)
    page.get_by_label("Completion").select_option("Failed")
    page.get_by_role("button", name="Filter").click()


def _none_left(page: Page) -> None:
    _request(page)
    page.get_by_label("Completion").select_option("Complete")
    page.get_by_label("Processing Status").select_option("Accepted by DSP")
    page.get_by_role("button", name="Filter").click()


def _second_page(page: Page) -> None:
    _request(page)
    page.get_by_role("link", name="Next 50 devices").click()


def _open_details(page: Page) -> None:
    _item(page, c.STUCK)
    for summary in page.locator("summary").all():
        summary.click()


def _reset(page: Page, device: str) -> None:
    _item(page, device)
    page.get_by_role("button", name="Reset by DCC").click()


def _reset_errors(page: Page, device: str) -> None:
    _reset(page, device)
    page.get_by_role("button", name="Reset this device").click()


def _no_choice(page: Page) -> None:
    page.goto("/search")
    page.get_by_role("button", name="Search").click()


def _log(page: Page) -> None:
    _request(page)
    page.goto("/access-log")


def _then(page: Page, device: str, time: str) -> None:
    _item(page, device)
    page.get_by_label("Show this as it was at another time").fill(time)
    page.get_by_role("button", name="Show", exact=True).click()


States = dict[str, tuple[str | None, Callable[[Page], object]]]

KEPT: Final = {
    "search-1280",
    "search-not-an-id-1280",
    "nothing-held-1280",
    "request-1280",
    "request-320",
    "device-1280",
    "item-in-progress-1280",
    "item-in-progress-320",
    "item-as-it-was-1280",
    "item-failed-1280",
    "reset-1280",
    "access-log-1280",
    "statuses-1280",
}
"""The pictures that the documents show, or that say enough about the rest."""
STATES: Final[States] = {
    "sign-in": (None, lambda page: page.goto("/")),
    "development-sign-in": (None, lambda page: page.goto("/sign-in/start")),
    "sign-in-failed": (None, lambda page: page.goto("/sign-in/callback?state=x")),
    "signed-out": (None, lambda page: page.goto("/sign-in?after=signed-out")),
    "search": (SUPPLIER, lambda page: page.goto("/search")),
    "search-without-choice": (SUPPLIER, _no_choice),
    "search-not-an-id": (SUPPLIER, lambda page: search(page, "Device ID", "00-DB-12-34")),
    "nothing-held": (SUPPLIER, lambda page: _device(page, "00-DB-12-34-56-00-00-00")),
    "request": (SUPPLIER, _request),
    "request-filtered": (SUPPLIER, _failed),
    "request-none-left": (SUPPLIER, _none_left),
    "request-second-page": (SUPPLIER, _second_page),
    "device": (SUPPLIER, lambda page: _device(page, c.AGAIN)),
    "device-with-waiting-reports": (CENTRE, lambda page: _device(page, c.WAITING)),
    "item-in-progress": (SUPPLIER, lambda page: _item(page, c.STUCK)),
    "item-details-open": (SUPPLIER, _open_details),
    "item-failed": (SUPPLIER, lambda page: _item(page, c.FAILED)),
    "item-complete": (SUPPLIER, lambda page: _item(page, c.DONE)),
    "item-as-it-was": (SUPPLIER, lambda page: _then(page, c.DONE, "2026-11-23 13:00")),
    "item-at-no-time": (SUPPLIER, lambda page: _then(page, c.DONE, "yesterday")),
    "item-reset": (SUPPLIER, lambda page: _item(page, c.RESET)),
    "reset": (CENTRE, lambda page: _reset(page, c.STUCK)),
    "reset-errors": (CENTRE, lambda page: _reset_errors(page, c.STUCK)),
    "reset-final": (CENTRE, lambda page: _reset_errors(page, c.REFUSED)),
    "access-log": (AUDITOR, _log),
    "statuses": (SUPPLIER, lambda page: page.goto("/statuses")),
    "no-role": (OTHER, lambda page: page.goto("/search")),
    "problem-explained": (None, lambda page: page.goto("/problems/too-many")),
    "not-found": (SUPPLIER, lambda page: page.goto("/nowhere")),
}
"""Every state: who looks, and how he comes there."""


@pytest.mark.parametrize("state", list(STATES))
def test_no_page_has_a_fault_that_can_be_measured(
    browser: Browser, shown: Served, state: str
) -> None:
    """No violation of WCAG 2.2 AA, nothing to scroll sideways, one main heading, a title."""
    person, go = STATES[state]
    with page_of(browser, shown.url) as page:
        if person is not None:
            be(page, shown, person)
        go(page)
        for width in (WIDE, NARROW):
            page.set_viewport_size({"width": width, "height": 900})
            check(page)
            photograph(page, f"{state}-{width}")


def test_a_page_that_cannot_be_written_down_is_sound_too(browser: Browser, shown: Served) -> None:
    """The page of a refusal, and that of a defect of ours would look the same."""

    def full(entry: AuditEntry) -> None:
        raise SpoolFull("full")

    with page_of(browser, shown.url) as page:
        be(page, shown, SUPPLIER)
        kept, shown.world.trail.append = shown.world.trail.append, full  # type: ignore[method-assign]
        try:
            _request(page)
            check(page)
        finally:
            shown.world.trail.append = kept  # type: ignore[method-assign]


def be(page: Page, shown: Served, name: str) -> None:
    """Have ``name`` signed in; the way in itself is tested with the journeys."""
    (person,) = (found for found in SERVED.people if found.name == name)
    user_ids = frozenset(map(Eui64, person.user_ids))
    caller = Caller(person.subject, user_ids, frozenset(person.roles), person.name)
    cookie = shown.screen.sessions.begin(caller)
    page.context.add_cookies([{"name": shown.screen.cookie, "value": cookie, "url": shown.url}])


def check(page: Page) -> None:
    """Everything that a machine can find."""
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": RULES}})
    assert found.violations_count == 0, found.generate_report()
    assert page.locator("h1").count() == 1
    assert page.title().endswith("Firmware Distribution Tracking")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.evaluate(_SMALL_TARGETS) == []
    assert page.evaluate(_BROKEN_IDS) == []
    assert page.evaluate(_FOOTER_SPACE) >= 20


_SMALL_TARGETS: Final = """() => [...document.querySelectorAll("a, button, summary, select, input")]
  .filter((e) => e.type !== "hidden" && e.getClientRects().length)
  .filter((e) => !e.closest("p, li, dd, td") || e.tagName === "BUTTON")
  .filter((e) => e.getBoundingClientRect().height < 24 && !e.matches(".govuk-skip-link"))
  .map((e) => e.outerHTML)"""
"""Targets below 24 CSS pixels that are not part of a sentence or list (WCAG 2.5.8)."""
_BROKEN_IDS: Final = """() => [...document.querySelectorAll("h1 .fdt-id")]
  .filter((e) => e.textContent.length <= 23 && e.getClientRects().length > 1)
  .map((e) => e.textContent)"""
"""Device IDs over a page that are not on one line."""
_FOOTER_SPACE: Final = """() => {
  const footer = document.querySelector(".fdt-footer");
  const last = [...footer.querySelectorAll("p, li")].pop();
  return footer.getBoundingClientRect().bottom - last.getBoundingClientRect().bottom;
}"""
"""CSS pixels below the last line of a page that are the footer's own."""


@pytest.fixture(scope="module", autouse=True)
def _pictures() -> None:
    """The folder of the pictures, if they are kept."""
    folder = os.environ.get("SCREENS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)


def photograph(page: Page, name: str) -> None:
    """Keep a picture of the page from its top, if pictures are kept."""
    folder = os.environ.get("SCREENS")
    if folder and name in KEPT:
        page.evaluate("window.scrollTo(0, 0)")
        size = page.evaluate("[window.innerWidth, document.documentElement.scrollHeight]")
        clip = {"x": 0, "y": 0, "width": size[0], "height": min(size[1], TALLEST)}
        taken = page.screenshot(full_page=True, clip=clip)  # type: ignore[arg-type]
        # 256 colours are enough for a page, and a third of the bytes.
        picture = Image.open(io.BytesIO(taken)).convert("RGB").quantize(256)
        picture.save(Path(folder) / f"{name}.png", optimize=True)
