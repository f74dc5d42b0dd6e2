"""Access tokens for the client of Faust's thread: one at a time, in good time, or a sentence."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from fdt.errors import UserError
from fdt.settings import Settings
from runtime.access.kafka_security import KafkaSecurity
from runtime.access.tokens import NoToken, Tokens, fetched
from tests.runtime.access.secured import PASSWORDS, Authority, variables
from tests.runtime.access.token_endpoint import SCOPE, TokenEndpoint, token_endpoint


@pytest.fixture
def endpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenEndpoint]:
    """An endpoint whose tokens live for 100 s; the environment is a client's of it."""
    authority = Authority.create(tmp_path / "authority")
    with token_endpoint(authority.issue("tokens", "127.0.0.1"), lives_s=100) as made:
        made.secrets["worker"] = PASSWORDS["worker"]
        for name, value in variables(authority, "worker", "OAUTHBEARER").items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("FDT_KAFKA_TOKEN_URL", made.url)
        monkeypatch.setenv("FDT_KAFKA_TOKEN_SCOPE", SCOPE)
        monkeypatch.setenv("FDT_KAFKA_TOKEN_CA_FILE", str(authority.ca))
        yield made


def test_a_token_is_used_for_most_of_its_life(endpoint: TokenEndpoint) -> None:
    """And the secret is read again for the next one."""
    now = 0.0
    tokens = Tokens(KafkaSecurity, lambda: now)
    first = asyncio.run(tokens.token())
    now = 79.0
    assert asyncio.run(tokens.token()) == first
    now = 80.0
    endpoint.secrets["worker"] = "another"
    with pytest.raises(NoToken, match="FDT_KAFKA_PASSWORD_FILE"):
        asyncio.run(tokens.token())
    path = KafkaSecurity().kafka_password_file
    assert path is not None
    path.write_text("another", encoding="utf-8")
    assert asyncio.run(tokens.token()) != first
    assert endpoint.given == ["worker", "worker"]


def test_what_is_no_token_endpoint_is_told(
    endpoint: TokenEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer of another form."""
    monkeypatch.setattr(endpoint, "answer", lambda *_: (200, {"hello": "world"}))
    with pytest.raises(NoToken, match=r"gave no token .* name the token endpoint"):
        fetched(KafkaSecurity())
    monkeypatch.setattr(endpoint, "answer", lambda *_: (404, {"hello": "world"}))
    with pytest.raises(NoToken, match=r"HTTP 404\): name the token endpoint"):
        fetched(KafkaSecurity())


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("FDT_KAFKA_TOKEN_URL", None, "is OAUTHBEARER: set FDT_KAFKA_TOKEN_URL"),
        ("FDT_KAFKA_TOKEN_URL", "http://idp.example/token", "which is not https"),
        ("FDT_KAFKA_SASL_MECHANISM", "PLAIN", "FDT_KAFKA_TOKEN_URL is set and no token"),
        ("FDT_KAFKA_TOKEN_CA_FILE", "/not/there", "there is no such file"),
        ("FDT_KAFKA_TOKEN_CA_FILE", __file__, "it holds no certificates"),
        ("FDT_KAFKA_USER", None, "set FDT_KAFKA_USER and FDT_KAFKA_PASSWORD_FILE"),
    ],
)
@pytest.mark.usefixtures("endpoint")
def test_settings_that_contradict_each_other_are_refused(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str | None, told: str
) -> None:
    """By the names of the variables; no secret is sent in clear text."""
    Settings()
    if value is None:
        monkeypatch.delenv(variable)
    else:
        monkeypatch.setenv(variable, value)
    with pytest.raises(UserError, match=told):
        Settings()


@pytest.mark.usefixtures("endpoint")
def test_a_token_is_never_sent_in_clear_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """As no PLAIN password is."""
    monkeypatch.delenv("FDT_KAFKA_CA_FILE")
    monkeypatch.setenv("FDT_KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT")
    with pytest.raises(UserError, match="the token would be there for all to read"):
        Settings()
