"""A real Chromium: found, started headless, and watched for whatever it complains of."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDE: Final = 1280
NARROW: Final = 320
PATIENCE_MS: Final = 15_000


def executable() -> str:
    """Where Chromium is; the test fails, and says what to do, where there is none."""
    given = os.environ.get("CHROMIUM")
    found = given or next((path for path in map(shutil.which, NAMES) if path), None)
    if found is None:
        pytest.fail(
            "The browser tests need Chromium: run 'make browser' (Debian, as root), or set "
            "CHROMIUM to the path of a Chromium or Chrome.",
            pytrace=False,
        )
    return found


@contextmanager
def started() -> Iterator[Browser]:
    """A headless Chromium."""
    path = executable()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def page_of(browser: Browser, url: str, **options: Any) -> Iterator[Page]:
    """A page of a context of its own; whatever breaks the content policy fails the test."""
    options.setdefault("viewport", {"width": WIDE, "height": 900})
    context = browser.new_context(base_url=url, accept_downloads=True, **options)
    context.set_default_timeout(PATIENCE_MS)
    complaints: list[str] = []
    try:
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda said: (
                complaints.append(said.text)
                if said.type in ("error", "warning") and "Failed to load resource" not in said.text
                else None
            ),
        )
        yield page
    finally:
        context.close()
    assert complaints == []


def sign_in(page: Page, person: str) -> None:
    """From the start page through the development sign-in to the search."""
    page.goto("/")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name=person).click()


def search(page: Page, by: str, value: str) -> None:
    """Search for one value."""
    page.goto("/search")
    page.get_by_label(by, exact=True).check()
    page.get_by_label("Search term").fill(value)
    page.get_by_role("button", name="Search").click()
