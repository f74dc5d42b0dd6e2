"""The identity provider says who was signed out: believed when it proves to be the provider."""

from __future__ import annotations

import time
from typing import Any

import pytest
from starlette.testclient import TestClient

from query_api.identity.access import Role
from query_api.identity.logout_tokens import EVENT, LogoutTokens
from query_api.web.problems import Problem
from tests.query_api.tokens import ISSUER, TokenMaker
from tests.query_api.world import Browser, OneKey, World

CLIENT = "fdt-screen"
TOKENS = TokenMaker()
READER = LogoutTokens(ISSUER, OneKey(TOKENS.key), CLIENT)


def logout_token(**changes: Any) -> str:
    """As the provider makes it; a change to None leaves the claim out."""
    good = {"aud": CLIENT, "iat": int(time.time()), "sid": "sso-1", "events": {EVENT: {}}}
    return TOKENS.make(**{**good, **changes})


def test_it_says_which_session_or_whose() -> None:
    """A session where one is named, else everything of the user so far."""
    found = READER.read(logout_token())
    assert (found.provider_session, found.subject) == ("sso-1", "alice")
    found = READER.read(logout_token(sid=None, iat=1_000))
    assert (found.provider_session, found.subject, found.at) == (None, "alice", 1_000.0)
    assert READER.read(logout_token(sub=None)).subject == ""


@pytest.mark.parametrize(
    "changes",
    [
        {"events": None},
        {"events": {}},
        {"events": EVENT},
        {"nonce": "as of an ID token"},
        {"sid": None, "sub": None},
        {"sid": 1, "sub": None},
        {"aud": "another"},
        {"iss": "https://evil.example"},
        {"exp": 1},
        {"exp": None},
        {"iat": None},
        {"key": TokenMaker().key},
    ],
)
def test_anything_else_ends_nothing(changes: dict[str, Any]) -> None:
    """Above all an ID token, which browsers have."""
    with pytest.raises(Problem):
        READER.read(logout_token(**changes))


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Browser:
    """A signed-in auditor, of a screen that knows the provider's key."""
    read = LogoutTokens.read
    monkeypatch.setattr(LogoutTokens, "read", lambda _, token: read(READER, token))
    return World().browser(Role.AUDITOR)


def told(browser: Browser, token: str) -> int:
    """What the provider is answered, which has no cookie of ours."""
    provider = TestClient(browser.client.app)
    return provider.post("/sign-in/back-channel", data={"logout_token": token}).status_code


def test_who_is_signed_out_at_the_provider_is_signed_out_here(browser: Browser) -> None:
    """At once; and it is written down."""
    assert browser.get("/search").status_code == 200
    assert told(browser, logout_token(sub="bob", sid=None)) == 200
    assert browser.get("/search").status_code == 200
    assert told(browser, logout_token(sid=None)) == 200
    assert browser.get("/search").headers["location"].startswith("/sign-in")


def test_a_forged_one_is_refused_with_400(browser: Browser) -> None:
    """As the specification asks; nobody is signed out."""
    for token in ("", "x", logout_token(events=None), logout_token(key=TokenMaker().key)):
        assert told(browser, token) == 400
    assert browser.get("/search").status_code == 200
