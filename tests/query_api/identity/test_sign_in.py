"""Signing in and out, against the development provider over real HTTP; and every trick with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from query_api.identity.access import Caller, Role
from query_api.identity.access_tokens import Authenticator, Claims
from query_api.identity.keys import DevelopmentKey
from query_api.identity.provider_http import ProviderAway, ProviderHttp
from query_api.identity.sessions import Sessions
from query_api.identity.sign_in import Begun, Client, Provider, SignIn, SignInFailed
from query_api.screen.development_provider import CLIENT_ID, DevelopmentProvider, NotOnLoopback
from query_api.screen.session import HOME, TABS, local_path
from query_api.web import base64url
from tests.query_api.serving import Served, served
from tests.query_api.world import ALPHA, GENEROUS, World, accepted, device_id, request_id

R1 = request_id(1)
D1 = device_id(1)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One item of one supplier."""
    world = World()
    world.put({D1: [accepted(R1)]})
    with served(world, tmp_path_factory.mktemp("data")) as running:
        yield running


@pytest.fixture
def browser(system: Served) -> Iterator[httpx.Client]:
    """A browser of somebody who has not signed in."""
    headers = {"Accept": "text/html"}
    with httpx.Client(base_url=system.url, headers=headers, follow_redirects=True) as client:
        yield client


def hidden(html: str) -> dict[str, str]:
    """The hidden fields of a page's first form."""
    form = html[html.index("<form") : html.index("</form>")]
    return dict(re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', form))


def choose(browser: httpx.Client, page: httpx.Response, person: str) -> httpx.Response:
    """Be ``person`` on the provider's page."""
    fields = {**hidden(page.text), "person": person}
    return browser.post("/development-sign-in/authorize", data=fields)


def signed_in(browser: httpx.Client, person: str = "sam", to: str = HOME) -> httpx.Response:
    """The page after a whole sign-in."""
    return choose(browser, browser.get("/sign-in/start", params={"to": to}), person)


def test_the_way_in_leads_back_to_where_one_was_going(browser: httpx.Client) -> None:
    """Deep link, sign-in, deep link; the session's cookie is out of a script's reach."""
    page = browser.get("/statuses")
    assert page.url.path == "/sign-in"
    assert page.url.params["to"] == "/statuses"
    after = signed_in(browser, to=page.url.params["to"])
    assert after.url.path == "/statuses"
    assert "Sam Supplier" in after.text


def test_the_cookie_is_http_only_lax_and_of_this_host(browser: httpx.Client) -> None:
    """And says nothing."""
    page = browser.get("/sign-in/start")
    fields = {**hidden(page.text), "person": "sam"}
    back = browser.post("/development-sign-in/authorize", data=fields, follow_redirects=False)
    answer = browser.get(back.headers["location"], follow_redirects=False)
    (cookie,) = (c for c in answer.headers.get_list("set-cookie") if "fdt-session" in c)
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie
    assert re.match(r"fdt-session=[\w-]+;", cookie)
    sealed = base64url.decode(cookie.removeprefix("fdt-session=").partition(";")[0])
    assert not re.search(rb"sam|[Ss]upplier", sealed)
    (kept,) = (c for c in answer.headers.get_list("set-cookie") if "fdt-id-token" in c)
    assert "Path=/sign-out;" in kept
    assert "HttpOnly" in kept


def test_signing_out_ends_the_session_wherever_its_cookie_is(browser: httpx.Client) -> None:
    """A copy of the cookie is worth nothing afterwards."""
    page = signed_in(browser)
    copy = dict(browser.cookies)
    out = browser.post("/sign-out", data=hidden(page.text))
    assert "You have signed out" in out.text
    again = browser.get("/search", headers={"Cookie": f"fdt-session={copy['fdt-session']}"})
    assert again.url.path == "/sign-in"


def test_a_new_sign_in_gets_a_new_name(browser: httpx.Client) -> None:
    """A name that somebody else put into the browser before is never taken over."""
    browser.cookies.set("fdt-session", "chosen-by-an-attacker")
    signed_in(browser)
    first = [c.value for c in browser.cookies.jar if c.name == "fdt-session"]
    assert "chosen-by-an-attacker" not in first[-1:]


@pytest.mark.parametrize("person", ["ned"])
def test_whoever_has_no_role_gets_an_explanation(browser: httpx.Client, person: str) -> None:
    """Not an empty screen; and a way out."""
    page = signed_in(browser, person)
    assert page.status_code == 403
    assert "Your account has no access to this" in page.text
    assert "ask your administrator" in page.text
    assert "Sign out" in page.text


def callback_of(browser: httpx.Client) -> str:
    """The provider's answer to a sign-in under way."""
    page = browser.get("/sign-in/start")
    fields = {**hidden(page.text), "person": "sam"}
    answer = browser.post("/development-sign-in/authorize", data=fields, follow_redirects=False)
    return str(answer.headers["location"])


def test_an_answer_counts_once_and_only_in_its_browser(
    browser: httpx.Client, system: Served
) -> None:
    """A stolen or replayed callback signs nobody in."""
    address = callback_of(browser)
    with httpx.Client(headers={"Accept": "text/html"}) as other:
        assert "was not begun in this browser" in other.get(address).text
    copy = dict(browser.cookies)
    assert browser.get(address).status_code == 200
    browser.cookies.update(copy)
    assert "was not begun in this browser" in browser.get(address).text


@pytest.mark.parametrize(
    ("change", "how"),
    [
        ({"state": "another"}, "was not begun in this browser"),
        ({"code": "another"}, "did not accept the sign-in"),
        ({"code": ""}, "holds no code"),
        ({"iss": "https://evil.example"}, "another identity provider"),
        ({"error": "access_denied"}, "did not sign you in"),
    ],
)
def test_a_changed_answer_signs_nobody_in(
    browser: httpx.Client, change: dict[str, str], how: str
) -> None:
    """Each with a way to try again."""
    parts = urlsplit(callback_of(browser))
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    answer = browser.get(parts.path, params={**query, **change})
    assert answer.status_code == 400
    assert how in answer.text
    assert browser.get("/search").url.path == "/sign-in"


@pytest.mark.parametrize(
    "change",
    [
        {"redirect_uri": "https://evil.example/sign-in/callback"},
        {"redirect_uri": "http://127.0.0.1/sign-in/callback"},
        {"client_id": "another"},
        {"code_challenge": ""},
        {"nonce": ""},
        {"state": ""},
    ],
)
def test_the_provider_refuses_what_is_not_the_screens_own(
    browser: httpx.Client, change: dict[str, str]
) -> None:
    """It stands in for a real one."""
    start = browser.get("/sign-in/start", follow_redirects=False).headers["location"]
    query = {name: values[0] for name, values in parse_qs(urlsplit(start).query).items()}
    answer = browser.get(urlsplit(start).path, params={**query, **change})
    assert answer.status_code == 400
    assert "evil" not in answer.text


def test_the_provider_is_nowhere_but_on_loopback(tmp_path: Path) -> None:
    """Elsewhere strangers could be anybody."""
    for base in ("http://0.0.0.0:8080", "https://ssi.example", "http://10.0.0.1:80"):
        with pytest.raises(NotOnLoopback, match="listen on 127"):
            DevelopmentProvider(base, DevelopmentKey(tmp_path), Claims(), [], [])


def test_a_nonce_of_another_sign_in_is_refused(system: Served, browser: httpx.Client) -> None:
    """An ID token that was made for something else."""
    client = Client(CLIENT_ID, None, f"{system.url}/sign-in/callback", f"{system.url}/sign-in")
    issuer = f"{system.url}/development-sign-in"

    class Anything(Authenticator):
        """Accepts every token, with another nonce."""

        def verified(self, token: str) -> dict[str, object]:
            return {"sub": "sam", "nonce": "another"}

    with httpx.Client() as fetching:
        provider = Provider(ProviderHttp(issuer, fetching))
        provider.endpoints()
    sign_in = SignIn(provider, Anything({}, CLIENT_ID, Claims()), client)
    begun = sign_in.begin("/search")
    page = browser.get(begun.address)
    fields = {**hidden(page.text), "person": "sam"}
    back = browser.post("/development-sign-in/authorize", data=fields, follow_redirects=False)
    query = parse_qs(urlsplit(back.headers["location"]).query)
    with pytest.raises(SignInFailed, match="belongs to another sign-in"):
        sign_in.finish(begun.browser, {name: values[0] for name, values in query.items()})


def test_a_provider_that_is_away_is_a_page_that_says_so(tmp_path: Path) -> None:
    """503 with when to try again."""
    sign_in = SignIn(
        Provider(ProviderHttp("http://127.0.0.1:1")),
        Authenticator({}, CLIENT_ID, Claims()),
        Client(CLIENT_ID, None, "http://127.0.0.1/x", "http://127.0.0.1/y"),
    )
    with pytest.raises(ProviderAway):
        sign_in.begin("/search")
    made = World()
    page = made.browser().client.get("/sign-in/start")
    assert page.status_code == 503
    assert "You cannot sign in at the moment" in page.text


@pytest.mark.parametrize(
    "text",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/search\\..\\evil",
        "/search\r\nSet-Cookie: a=b",
        "javascript:alert(1)",
        "/sign-out",
        "/sign-in/start",
        "/requestsevil",
        "/devices@evil.example",
        "",
        "/",
    ],
)
def test_nobody_is_led_elsewhere(text: str) -> None:
    """After a sign-in only pages of ours follow."""
    assert local_path(text) == HOME


def test_pages_of_ours_are_led_back_to() -> None:
    """With their filters."""
    for text in ("/requests/a-b_c", "/requests/abc?status=A+B&after=x", "/devices/a/requests/b"):
        assert local_path(text) == text


def test_by_https_cookies_are_secure_and_stay_so() -> None:
    """The name's prefix has browsers refuse any weaker cookie, and pages ask for https for ever."""
    made = World(screen=replace(GENEROUS, public_url="https://ssi.example"))
    browser = made.browser(Role.AUDITOR)
    assert browser.screen.cookie == "__Host-fdt"
    page = browser.get("/search")
    assert page.headers["strict-transport-security"].startswith("max-age=")
    out = browser.post("/sign-out", {})
    assert "Secure" in out.headers["set-cookie"]


class Clock:
    """A clock that is set."""

    now = 1000.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


def test_a_session_ends_when_it_is_idle_and_in_any_case() -> None:
    """Exactly then; a refresh of the page itself keeps nothing alive."""
    clock = Clock()
    sessions = Sessions(idle_s=100, absolute_s=250, clock=clock)
    caller = Caller("alice", frozenset(), frozenset([Role.AUDITOR]))
    cookie = sessions.begin(caller)
    for moment in (1099.0, 1198.0, 1249.9):
        clock.now = moment
        found = sessions.find(cookie)
        assert found is not None
        cookie = sessions.sealed(found)
    clock.now = 1250.0
    assert sessions.find(cookie) is None, "eight hours are over, however busy"
    cookie = sessions.begin(caller)
    clock.now += 99
    found = sessions.find(cookie, renew=False)
    assert found is not None
    clock.now += 1
    assert sessions.find(sessions.sealed(found)) is None, "a refresh is no activity"


def test_form_tokens_differ_and_belong_to_their_session() -> None:
    """Compression tells nothing about them; another session's are refused."""
    sessions = Sessions(100, 100)
    caller = Caller("alice", frozenset([ALPHA]), frozenset())
    first, second = (sessions.find(sessions.begin(caller)) for _ in range(2))
    assert first is not None
    assert second is not None
    tokens = {first.form_token() for _ in range(5)}
    assert len(tokens) == 5
    assert all(first.accepts(token) for token in tokens)
    assert not any(second.accepts(token) for token in tokens)
    for token in ("", "00", "x" * 128, first.form_token()[:-2], first.form_token() + "00"):
        assert not first.accepts(token)


def sign_in_cookies(browser: httpx.Client) -> dict[str, str]:
    """The cookies of sign-ins under way."""
    found = {c.name: c.value or "" for c in browser.cookies.jar if "sign-in" in c.name}
    return {name: value for name, value in found.items() if value}


def test_a_sign_in_takes_nothing_from_the_browser(browser: httpx.Client) -> None:
    """Whoever planted a cookie before knows nothing of what the sign-in is bound to."""
    browser.cookies.set("fdt-sign-in", "planted")
    for name in list(sign_in_cookies(browser)):
        browser.cookies.set(name, "planted")
    browser.get("/sign-in/start", follow_redirects=False)
    browser.get("/sign-in/start", follow_redirects=False)
    made = {k: v for k, v in sign_in_cookies(browser).items() if k != "fdt-sign-in"}
    assert len(made) == 2
    assert len(set(made.values())) == 2
    assert "planted" not in made.values()


def test_a_sign_in_that_somebody_else_began_is_not_finished_here(
    system: Served, browser: httpx.Client
) -> None:
    """His answer with our browser's cookies, or with one that he planted under a wrong name."""
    with httpx.Client(base_url=system.url, headers={"Accept": "text/html"}) as his:
        page = his.get("/sign-in/start", follow_redirects=True)
        fields = {**hidden(page.text), "person": "sam"}
        back = his.post("/development-sign-in/authorize", data=fields, follow_redirects=False)
        planted = sign_in_cookies(his)
    browser.get("/sign-in/start", follow_redirects=False)
    for value in planted.values():
        browser.cookies.set("fdt-sign-in", value)
    answer = browser.get(back.headers["location"])
    assert answer.status_code == 400
    assert "was not begun in this browser" in answer.text
    assert browser.get("/search").url.path == "/sign-in"


def test_two_tabs_sign_in_beside_each_other(browser: httpx.Client) -> None:
    """Each by its own cookie, which is gone afterwards."""
    first, second = browser.get("/sign-in/start"), browser.get("/sign-in/start")
    assert "Sam Supplier" in choose(browser, first, "sam").text
    assert "Chris Centre" in choose(browser, second, "chris").text
    assert sign_in_cookies(browser) == {}


def test_sign_ins_that_are_left_do_not_pile_up(browser: httpx.Client) -> None:
    """A browser keeps a few."""
    for _ in range(3 * TABS):
        browser.get("/sign-in/start", follow_redirects=False)
    assert len(sign_in_cookies(browser)) <= TABS


def test_by_https_a_sign_in_is_bound_to_this_very_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No sibling host can plant a cookie of this name."""
    made = World(screen=replace(GENEROUS, public_url="https://ssi.example"))
    browser = made.browser(Role.AUDITOR)
    begun = Begun("https://provider.example/", "state", "secret")
    monkeypatch.setattr(SignIn, "begin", lambda _, to: begun)
    cookie = browser.get("/sign-in/start").headers["set-cookie"]
    assert cookie.startswith("__Host-fdt-sign-in-")
    assert "Secure" in cookie
    assert "Path=/;" in cookie
    assert "Domain" not in cookie
