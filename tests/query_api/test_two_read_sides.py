"""Two read sides behind a balancer that sends every request to the other one: nobody notices.

Two processes on a real Kafka, as on two machines: they have nothing in common but the broker, the
secrets and an identity provider.
"""

from __future__ import annotations

import re
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Final

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from joserfc import jwt

from fdt.brokers.finding import Broker
from fdt.processes.children import free_port
from fdt.up.development_users import people
from query_api.audit.reading import KafkaAuditLog, Question
from query_api.identity.access_tokens import Claims
from query_api.identity.keys import DevelopmentKey
from query_api.identity.logout_tokens import EVENT
from query_api.screen import development_provider
from query_api.screen.development_provider import CLIENT_ID, DevelopmentProvider
from query_api.screen.pages.environment import Templates
from schemas.codec import Codec
from schemas.topics import SSMI_EVENTS
from sources.planning.vocabulary import SUPPLIERS
from tests.query_api.round_robin import RoundRobin, round_robin
from tests.query_api.test_server import wait_ready
from tests.query_api.view.test_feed import Processor, eventually
from tests.query_api.world import accepted, device_id, request_id, reset
from tests.support.processes import running
from tests.support.topics import committed, create_anew

R1: Final = request_id(1, SUPPLIERS[1])
DEVICES: Final = 70
"""More than a page."""
DOWNLOADS: Final = 4
SECRET: Final = "a secret of the tests, and of nobody else"


@dataclass
class Provider:
    """An identity provider that is neither of the read sides."""

    issuer: str
    key: DevelopmentKey

    def logout_token(self, subject: str) -> str:
        """What it posts when somebody is signed out there."""
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "sub": subject,
            "iat": now,
            "exp": now + 60,
            "events": {EVENT: {}},
        }
        return jwt.encode({"alg": "ES256", "kid": self.key.kid}, claims, self.key.private)


@contextmanager
def provider(folder: Path, screen_url: str) -> Iterator[Provider]:
    """The development provider as a server of its own."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    key = DevelopmentKey(folder)
    made = DevelopmentProvider(base, key, Claims(), people(), [f"{screen_url}/sign-in/callback"])
    app = FastAPI()
    app.mount(development_provider.PATH, development_provider.app(made, Templates()))
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, lifespan="off")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    eventually(lambda: server.started)
    try:
        yield Provider(made.issuer, key)
    finally:
        server.should_exit = True
        thread.join(10)


@dataclass
class Pair:
    """Both read sides, and what stands before them."""

    bootstrap: str
    folder: Path
    balancer: RoundRobin
    provider: Provider
    processor: Processor
    held: ExitStack
    processes: list[subprocess.Popen[bytes]]

    def start(self, number: int) -> None:
        """One of the two."""
        url = self.balancer.servers[number]
        data = self.folder / f"side-{number}"
        data.mkdir(exist_ok=True)
        process = self.held.enter_context(
            running(
                "serve",
                log=data / "log",
                KAFKA_BOOTSTRAP_SERVERS=self.bootstrap,
                FDT_PROFILE="production",
                FDT_DATA_DIR=str(data),
                FDT_API_PORT=url.rpartition(":")[2],
                FDT_PUBLIC_URL=self.balancer.url,
                FDT_OIDC_ISSUER=self.provider.issuer,
                FDT_OIDC_CLIENT_ID=CLIENT_ID,
                FDT_SCREEN_SECRET=SECRET,
                FDT_SESSION_KEYS_FILE=str(self.folder / "keys"),
                FDT_DOWNLOADS_PER_MINUTE=str(DOWNLOADS),
            )
        )
        self.processes[number:] = [process, *self.processes[number + 1 :]]

    def wait_ready(self) -> None:
        """Until both are."""
        for server in self.balancer.servers:
            wait_ready(server)

    def browser(self) -> httpx.Client:
        """A browser that knows the balancer's address only."""
        return self.held.enter_context(
            httpx.Client(
                base_url=self.balancer.url,
                headers={"Accept": "text/html"},
                follow_redirects=True,
                timeout=60,
            )
        )


@pytest.fixture(scope="module")
def pair(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two read sides with one request of a supplier; each test is somebody else."""
    folder, bootstrap = tmp_path_factory.mktemp("pair"), broker.bootstrap_servers
    create_anew(bootstrap)
    port = free_port()
    servers = [f"http://127.0.0.1:{free_port()}" for _ in range(2)]
    (folder / "keys").write_text(f"{SECRET} for sessions\n")
    processor = Processor(bootstrap)
    processor.commit({device_id(n): [accepted(R1, event=n)] for n in range(DEVICES)})
    with ExitStack() as held:
        balancer = held.enter_context(round_robin(servers, port))
        known = held.enter_context(provider(folder, balancer.url))
        made = Pair(bootstrap, folder, balancer, known, processor, held, [])
        for number in range(2):
            made.start(number)
        made.wait_ready()
        yield made


def hidden(html: str, action: str = "") -> dict[str, str]:
    """The hidden fields of a page's form, by where it leads."""
    form = re.search(rf'<form[^>]*action="[^"]*{action}".*?</form>', html, re.DOTALL)
    assert form is not None, html
    found = re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', form[0])
    return {name: unescape(value) for name, value in found}


def signed_in(pair: Pair, person: str) -> tuple[httpx.Client, httpx.Response]:
    """A browser after a whole sign-in, and the page it led to."""
    browser = pair.browser()
    choice = browser.get("/sign-in/start")
    where = pair.provider.issuer + "/authorize"
    page = browser.post(where, data={**hidden(choice.text), "person": person})
    assert page.url.path == "/search", page.text
    return browser, page


def searched(browser: httpx.Client, page: httpx.Response, by: str, value: str) -> httpx.Response:
    """What a search leads to."""
    fields = hidden(page.text, "/search")
    return browser.post("/search", data={**fields, "by": by, "value": value})


def session_cookie(browser: httpx.Client) -> str:
    """As a thief would copy it."""
    return next(c.value or "" for c in browser.cookies.jar if c.name == "fdt-session")


def believes(server: str, cookie: str) -> bool:
    """Whether a read side takes the cookie."""
    answer = httpx.get(
        f"{server}/search", headers={"Accept": "text/html", "Cookie": f"fdt-session={cookie}"}
    )
    assert answer.status_code in (200, 303)
    return answer.status_code == 200


def live_address(page: httpx.Response) -> str:
    """Where a page asks for what is new."""
    found = re.search(r'data-hx-get="([^"]*)"', page.text)
    assert found is not None
    return unescape(found[1])


def test_a_user_notices_nothing_of_two_read_sides(pair: Pair) -> None:
    """Sign in, search, page, refresh, sign out; a copy of the cookie is dead at both."""
    browser, page = signed_in(pair, "olga")
    page = searched(browser, page, "request", R1)
    assert f"{DEVICES} devices of one" in page.text
    address = live_address(page)
    for _ in range(4):
        again = browser.get(address, headers={"HX-Request": "true"})
        assert again.status_code == 200
        address = live_address(again)
    following = re.search(r'href="(/requests/[^"]*after=[^"]*)"', page.text)
    assert following is not None
    second = browser.get(unescape(following[1]))
    assert second.status_code == 200
    assert device_id(DEVICES - 1) in second.text
    assert all(count > 3 for count in pair.balancer.answered.values())
    cookie = session_cookie(browser)
    assert all(believes(server, cookie) for server in pair.balancer.servers)
    out = browser.post("/sign-out", data=hidden(second.text, "/sign-out"))
    assert "You have signed out" in out.text
    for server in pair.balancer.servers:
        eventually(lambda server=server: not believes(server, cookie))  # type: ignore[misc]
    log = KafkaAuditLog(pair.bootstrap, Codec())
    eventually(lambda: any(e.action == "sign-out" for e in log.newest(Question(0, user="olga"))))
    actions = [entry.action for entry in log.newest(Question(0, user="olga"))]
    assert sorted(actions) == ["search", "search", "sign-in", "sign-out"], "refreshes are none"


def test_a_reset_goes_through_both_and_is_published_once(pair: Pair) -> None:
    """The form from one, its answer from the other; a page that is behind does not claim more."""
    browser, page = signed_in(pair, "chris")
    page = searched(browser, page, "device", device_id(1))
    item = re.search(r'href="(/devices/[^"]*/requests/[^"/]*)"', page.text)
    assert item is not None
    form = browser.get(f"{item[1]}/reset")
    fields = {**hidden(form.text, "/reset"), "reason": "Why", "incident_reference": "INC1"}
    done = browser.post(f"{item[1]}/reset", data=fields)
    assert "The reset is recorded. The status will show it in a moment." in done.text
    again = browser.post(f"{item[1]}/reset", data=fields)
    assert again.status_code == 200, "a second click, at the other one"
    events = [
        Codec().decode("SsmiEvent", m.value()) for m in committed(pair.bootstrap, SSMI_EVENTS)
    ]
    assert len({event["event_id"] for event in events}) == 1
    pair.processor.commit({device_id(1): [accepted(R1, event=1), reset(R1, event=9, offset=1)]})
    for _ in pair.balancer.servers:
        eventually(
            lambda: "The status is now Reset by DCC" in browser.get(f"{item[1]}?done=reset").text
        )


def test_limits_count_once(pair: Pair) -> None:
    """Who alternates gets what one read side would let him take, and what comes back meanwhile."""
    browser, page = signed_in(pair, "chris")
    page = searched(browser, page, "request", R1)
    download = f"{page.url.path}/download"
    begun = time.monotonic()
    statuses = [browser.get(download).status_code for _ in range(3 * DOWNLOADS)]
    come_back = int((time.monotonic() - begun) * DOWNLOADS / 60) + 1
    on_its_way = 1
    assert set(statuses) == {200, 429}
    assert DOWNLOADS <= statuses.count(200) <= DOWNLOADS + come_back + on_its_way


def test_one_is_killed_and_what_it_missed_holds_when_it_is_back(pair: Pair) -> None:
    """The other goes on with the same sessions; a sign-out meanwhile is heard at the start."""
    browser, page = signed_in(pair, "ada")
    stays, _ = signed_in(pair, "ada")
    kept, cookie = session_cookie(stays), session_cookie(browser)
    pair.processes[0].kill()
    pair.processes[0].wait(30)
    for _ in range(3):
        assert "Ada Auditor" in browser.get("/search").text
    out = browser.post("/sign-out", data=hidden(page.text, "/sign-out"))
    assert "You have signed out" in out.text
    pair.start(0)
    pair.wait_ready()
    assert [believes(server, cookie) for server in pair.balancer.servers] == [False, False]
    assert [believes(server, kept) for server in pair.balancer.servers] == [True, True]
    for server in pair.balancer.servers[:1]:  # the provider knows one address, a balancer's
        told = httpx.post(
            f"{server}/sign-in/back-channel",
            data={"logout_token": pair.provider.logout_token("ada")},
        )
        assert told.status_code == 200, told.text
    for server in pair.balancer.servers:
        eventually(lambda server=server: not believes(server, kept))  # type: ignore[misc]
