"""One browser for all browser tests, and one campaign that shows every state of the screen."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.campaign import NOW, campaign
from tests.browser.chromium import started
from tests.query_api.serving import Served, served


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """A headless Chromium; its driver keeps an event loop, which must not outlast these tests."""
    with started() as found:
        yield found


@pytest.fixture(scope="package")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The campaign behind a real server; its clock stands still, so that pictures do."""
    with served(campaign(), tmp_path_factory.mktemp("shown"), now_ms=lambda: NOW) as running:
        yield running
