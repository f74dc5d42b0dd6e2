"""One node of everything, the profile ``demo``: it settles, though parts are killed meanwhile."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

import httpx

from firmware_tracking_client import AuthenticatedClient
from tests.browser.chromium import page_of, search, sign_in, started
from tests.containers.system import System, say

SYSTEM: Final = System(("demo",), campaign="simulate")
GATEWAY: Final = "http://127.0.0.1:8080"
KILLED: Final = ("processor", "read-side")


def try_out(services: list[str], picture: Path | None) -> dict[str, object]:
    """The figures of a run; ``SystemExit`` if anything is not as it must be."""
    began = time.monotonic()
    figures: dict[str, object] = {"up_s": SYSTEM.up(services)}
    SYSTEM.kill("processor")
    SYSTEM.until_published()
    SYSTEM.kill("read-side")
    SYSTEM.until_healthy("read-side")
    token = SYSTEM.run_in("read-side", "fdt", "token", "--role", "service-centre")
    client = AuthenticatedClient(base_url=GATEWAY, token=token, timeout=httpx.Timeout(30))
    figures["items"] = SYSTEM.settled(client)
    figures["settled_s"] = round(time.monotonic() - began, 1)
    figures["restarts"] = {service: SYSTEM.restarts(service) for service in KILLED}
    _walk(picture)
    figures["stop_s"] = SYSTEM.stop(KILLED)
    return figures


def _walk(picture: Path | None) -> None:
    """Sign in, search, look at the answer: as a person does, through the gateway."""
    _, plan = SYSTEM.plan()
    request = plan.requests[0].request_id
    with started() as browser, page_of(browser, GATEWAY) as page:
        sign_in(page, "Chris Centre")
        page.wait_for_url("**/search")
        search(page, "Service Request ID", request)
        page.locator("table").first.wait_for()
        if picture is not None:
            page.screenshot(path=picture, full_page=True)
        if request not in "".join(page.locator("main").inner_text().split()):
            raise SystemExit(f"the screen does not show {request}")
    say("a person signed in through the gateway and found the request")
