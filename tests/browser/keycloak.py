"""The sign-in at a real Keycloak, in a real browser: ``make keycloak``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from playwright.sync_api import Browser, expect

from fdt.processes.children import free_port
from tests.browser import campaign as c
from tests.browser.chromium import page_of, search
from tests.query_api.serving import SERVED, Served, served
from tests.support.keycloak import CLIENT, PASSWORD, SECRET, keycloak


@dataclass
class System:
    """Keycloak, and the screen that trusts it."""

    issuer: str
    screen: Served


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Both."""
    port = free_port()
    folder = tmp_path_factory.mktemp("keycloak")
    with keycloak(folder, f"http://127.0.0.1:{port}") as issuer:
        client = replace(SERVED, client_id=CLIENT, client_secret=SECRET)
        with served(c.campaign(), folder, client, lambda: c.NOW, issuer, port) as screen:
            yield System(issuer, screen)


@pytest.mark.timeout(600)
def test_the_journey_with_a_real_provider(browser: Browser, system: System) -> None:
    """Sign in with a password, look, sign out at both; then the provider asks again."""
    with page_of(browser, system.screen.url) as page:
        page.goto("/search")
        page.get_by_role("button", name="Sign in").click()
        assert page.url.startswith(system.issuer)
        page.locator("#username").fill("sam")
        page.locator("#password").fill(PASSWORD)
        page.locator("#kc-login").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Find a firmware update")
        expect(page.locator("header")).to_contain_text("Sam Supplier")
        search(page, "Service Request ID", c.REQUEST)
        expect(page.locator("main")).to_contain_text("186 devices in all")
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("status")).to_have_text("You have signed out.")
        page.get_by_role("button", name="Sign in").click()
        expect(page.locator("#password")).to_be_visible()


@pytest.mark.timeout(600)
def test_whoever_has_no_role_there_has_none_here(browser: Browser, system: System) -> None:
    """An explanation, and the way out."""
    with page_of(browser, system.screen.url) as page:
        page.goto("/sign-in/start")
        page.locator("#username").fill("ned")
        page.locator("#password").fill(PASSWORD)
        page.locator("#kc-login").click()
        expect(page.get_by_role("heading", level=1)).to_have_text(
            "Your account has no access to this"
        )
