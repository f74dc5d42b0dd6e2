"""Three nodes, two workers, two read sides behind a gateway: the profile ``full``.

A worker is killed while events arrive, and a read side while every item is held against the plan
through the gateway, which must not be noticed there. Then a person's whole journey, with both
instances answering in turn; Prometheus has measured every part.
"""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path
from typing import Any, Final

import httpx
from playwright.sync_api import Page, expect

from firmware_tracking_client import AuthenticatedClient
from sources.planning.plan import Plan
from tests.browser.chromium import page_of, search, started
from tests.containers.engine import ROOT
from tests.containers.loopback import Loopback
from tests.containers.system import System, say, until

SYSTEM: Final = System(("full", "campaign"), campaign="campaign")
SECRETS: Final = ROOT / "deploy" / "secrets"
SCREEN: Final = "https://ssi.localhost:8443"
ISSUER: Final = "https://sso.localhost:8443/realms/ssi"
PROMETHEUS: Final = "http://127.0.0.1:9090"
WORKERS: Final = ("processor-1", "processor-2")
READ_SIDES: Final = ("read-side-1", "read-side-2")
OURS: Final = (*WORKERS, *READ_SIDES)
ROUNDS: Final = 6
"""Requests that reach both instances of two, whichever is asked first."""
PATIENCE_MS: Final = 90_000
"""Fourteen containers share the machine, and the provider makes its first page."""
_ANSWERS: Final = re.compile(r'^fdt_answers_total\{.*status="[23]\d\d".*\} (\S+)$', re.MULTILINE)


def prepare() -> None:
    """What an operator does once, before the first start."""
    subprocess.run(["sh", "deploy/secrets.sh"], cwd=ROOT, check=True, stdout=2)


def try_out(services: list[str], picture: Path | None) -> dict[str, object]:
    """The figures of a run; ``SystemExit`` if anything is not as it must be."""
    began = time.monotonic()
    figures: dict[str, object] = {"up_s": SYSTEM.up(services)}
    SYSTEM.kill("processor-2")
    SYSTEM.until_published()
    SYSTEM.until_healthy("keycloak")
    token = _operator_token()
    SYSTEM.kill("read-side-1")
    figures["items"] = SYSTEM.settled(_client(token))
    figures["settled_s"] = round(time.monotonic() - began, 1)
    killed = ("processor-2", "read-side-1")
    figures["restarts"] = {service: SYSTEM.restarts(service) for service in killed}
    SYSTEM.until_healthy(*OURS)
    figures["answers"] = _journey(picture)
    figures["measured"] = _measured()
    figures["stop_s"] = SYSTEM.stop(OURS)
    return figures


def _http() -> httpx.Client:
    return httpx.Client(transport=Loopback(SECRETS / "ca.pem"), timeout=30)


def _operator_token() -> str:
    """An access token of the provider, for a program of the Service Centre."""
    secret = (SECRETS / "operator-client").read_text().strip()
    with _http() as client:
        answer = client.post(
            f"{ISSUER}/protocol/openid-connect/token",
            data={"grant_type": "client_credentials"},
            auth=("fdt-operator", secret),
        )
    token: str = answer.raise_for_status().json()["access_token"]
    return token


def _client(token: str) -> AuthenticatedClient:
    made = AuthenticatedClient(base_url=SCREEN, token=token)
    headers = {"Authorization": f"Bearer {token}"}
    transport = Loopback(SECRETS / "ca.pem")
    return made.set_httpx_client(
        httpx.Client(base_url=SCREEN, headers=headers, transport=transport, timeout=30)
    )


def _journey(picture: Path | None) -> dict[str, int]:
    """Sign in, search, page, reset, sign out; how many answers each instance gave meanwhile."""
    _, plan = SYSTEM.plan()
    before = {service: _answered(service) for service in READ_SIDES}
    with (
        started() as browser,
        page_of(browser, SCREEN, ignore_https_errors=True) as page,
    ):
        page.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        _sign_in(page)
        _look(page, plan, picture)
        _reset(page)
        _sign_out(page)
    given = {service: _answered(service) - before[service] for service in READ_SIDES}
    if min(given.values()) < ROUNDS // 2:
        raise SystemExit(f"the gateway did not ask both instances in turn: {given}")
    say(f"a person signed in, searched, paged, reset and signed out: {given}")
    return given


def _sign_in(page: Page) -> None:
    page.goto("/search")
    page.get_by_role("button", name="Sign in").click()
    page.locator("#username").fill("chris")
    page.locator("#password").fill((SECRETS / "people").read_text().strip())
    page.locator("#kc-login").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Find a firmware update")
    for _ in range(ROUNDS):
        page.goto("/search")
        expect(page.locator("header")).to_contain_text("Chris Centre")


def _look(page: Page, plan: Plan, picture: Path | None) -> None:
    search(page, "Service Request ID", plan.requests[0].request_id)
    first = page.locator("tbody").inner_text()
    page.get_by_role("link", name=re.compile("^Next")).click()
    expect(page.locator("tbody")).not_to_have_text(first)
    if picture is not None:
        page.screenshot(path=picture, full_page=True)


def _reset(page: Page) -> None:
    """What is still under way, seen as reset on every instance."""
    page.get_by_label("Completion").select_option("In Progress")
    page.get_by_role("button", name="Filter").click()
    page.locator("tbody").get_by_role("link").first.click()
    page.get_by_role("button", name="Reset by DCC").click()
    page.get_by_label("Reason").fill("The hub was replaced")
    page.get_by_label("Incident reference").fill("INC000012345")
    page.get_by_role("button", name="Reset this device").click()
    for _ in range(ROUNDS):
        expect(page.get_by_role("region", name="Now")).to_contain_text("Reset by DCC")
        page.reload()


def _sign_out(page: Page) -> None:
    """It holds on every instance, for whoever kept the cookies too."""
    kept: Any = page.context.cookies()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("status")).to_have_text("You have signed out.")
    page.context.clear_cookies()
    page.context.add_cookies([one for one in kept if one["domain"].startswith("ssi.")])
    for _ in range(ROUNDS):
        page.goto("/search")
        if "/sign-in" not in page.url:
            raise SystemExit("a session that was signed out is still good on an instance")


def _answered(service: str) -> int:
    """Requests that an instance has answered."""
    asked = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8080/metrics').read().decode())"
    return int(sum(map(float, _ANSWERS.findall(SYSTEM.run_in(service, "python", "-c", asked)))))


def _measured() -> int:
    """How many of our processes Prometheus reaches: all, or this fails."""

    def reached() -> int:
        answer = httpx.get(f"{PROMETHEUS}/api/v1/query", params={"query": "sum(up)"}, timeout=10)
        found = answer.raise_for_status().json()["data"]["result"]
        return int(found[0]["value"][1]) if found else 0

    until(lambda: reached() == len(OURS), "Prometheus reaches every process of ours")
    return reached()
