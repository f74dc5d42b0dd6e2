"""Signing keys: discovery, caching, outages, and the development key's file."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey, OctKey

from query_api.identity.keys import (
    CONFIRM_EVERY_S,
    REFRESH_AT_MOST_EVERY_S,
    RETRY_EVERY_S,
    TRUSTED_FOR_S,
    DevelopmentKey,
    OidcKeys,
    UnknownKey,
)
from query_api.identity.provider_http import ProviderAway
from runtime.access.address import is_loopback
from tests.query_api.tokens import ISSUER


class Provider:
    """An identity provider whose answers a test changes, and a clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.asked: list[str] = []
        self.away = False
        self.issuer = ISSUER
        self.jwks_uri = f"{ISSUER}/keys"
        self.listed: list[dict[str, Any]] = []
        client = httpx.Client(transport=httpx.MockTransport(self._answer))
        self.keys = OidcKeys(ISSUER, client, lambda: self.now)

    def publish(self, kid: str, **more: Any) -> None:
        """Add a new key under this ID."""
        key = ECKey.generate_key("P-256").as_dict(private=False)
        self.listed.append({**key, "kid": kid, "use": "sig", **more})

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(str(request.url))
        if self.away:
            raise httpx.ConnectError("refused")
        if request.url.path.endswith("/.well-known/openid-configuration"):
            return httpx.Response(200, json={"issuer": self.issuer, "jwks_uri": self.jwks_uri})
        return httpx.Response(200, json={"keys": self.listed})


@pytest.fixture
def provider() -> Provider:
    """A provider with key ``a``."""
    provider = Provider()
    provider.publish("a")
    return provider


def test_keys_are_found_by_discovery_and_kept(provider: Provider) -> None:
    """Two questions for the first token, none for the next ones."""
    first = provider.keys.key("a")
    assert provider.keys.key("a") is first
    assert provider.asked == [
        f"{ISSUER}/.well-known/openid-configuration",
        f"{ISSUER}/keys",
    ]


def test_a_key_is_held_until_it_is_due_to_be_confirmed(provider: Provider) -> None:
    """Whoever may not wait knows whether the provider will be asked."""
    assert not provider.keys.holds("a")
    provider.keys.key("a")
    assert provider.keys.holds("a")
    assert not provider.keys.holds("b")
    provider.now += CONFIRM_EVERY_S + 1
    assert not provider.keys.holds("a")
    assert len(provider.asked) == 2


def test_an_unknown_key_is_looked_for_at_most_once_a_minute(provider: Provider) -> None:
    """A new key works at once if nothing was asked of late; a flood of made-up IDs asks once."""
    provider.keys.key("a")
    provider.publish("b")
    for _ in range(50):
        with pytest.raises(UnknownKey):
            provider.keys.key("b")
    assert len(provider.asked) == 2
    provider.now += REFRESH_AT_MOST_EVERY_S
    assert provider.keys.key("b") is provider.keys.key("b")
    assert len(provider.asked) == 4


def test_a_withdrawn_key_is_noticed(provider: Provider) -> None:
    """Known keys are confirmed every hour."""
    provider.keys.key("a")
    provider.listed.clear()
    provider.now += CONFIRM_EVERY_S + 1
    with pytest.raises(UnknownKey):
        provider.keys.key("a")


def test_known_keys_outlive_an_outage_of_the_provider(provider: Provider) -> None:
    """For a day; then nothing is trusted until it answers again."""
    provider.keys.key("a")
    provider.away = True
    provider.now += TRUSTED_FOR_S - 1
    assert provider.keys.key("a")
    provider.now += 2
    with pytest.raises(ProviderAway, match="cannot be used"):
        provider.keys.key("a")
    provider.away = False
    provider.now += RETRY_EVERY_S
    assert provider.keys.key("a")


def test_a_provider_that_comes_back_is_asked_soon(provider: Provider) -> None:
    """After a failure the wait is seconds, not the minute of an unknown key."""
    provider.away = True
    with pytest.raises(ProviderAway):
        provider.keys.key("a")
    provider.away = False
    with pytest.raises(ProviderAway):
        provider.keys.key("a")
    provider.now += RETRY_EVERY_S
    assert provider.keys.key("a")


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("issuer", "https://evil.example", "says that it is"),
        ("jwks_uri", "http://idp.example/keys", "is not https"),
        ("jwks_uri", 5, "cannot be used"),
    ],
)
def test_a_discovery_document_that_cannot_be_trusted_is_not(
    provider: Provider, field: str, value: Any, why: str
) -> None:
    """Another issuer's document, keys in clear text, or no document at all."""
    setattr(provider, field, value)
    with pytest.raises(ProviderAway, match=why):
        provider.keys.key("a")


def test_only_keys_for_signatures_are_taken(provider: Provider) -> None:
    """Keys for encryption, shared secrets, nameless and broken keys are left out."""
    provider.publish("enc", use="enc")
    provider.publish("broken", x="!")
    provider.listed.append({**OctKey.generate_key(256).as_dict(private=True), "kid": "oct"})
    provider.listed.append(ECKey.generate_key("P-256").as_dict(private=False))
    assert provider.keys.key("a")
    for kid in ("enc", "broken", "oct"):
        with pytest.raises(UnknownKey):
            provider.keys.key(kid)


def test_the_development_key_is_made_once_and_is_the_owners_alone(tmp_path: Path) -> None:
    """Mode 0600, complete from the first moment, and the same for whoever comes second."""
    folder = tmp_path / "data"
    first, second = DevelopmentKey(folder), DevelopmentKey(folder)
    assert first.kid == second.kid
    assert first.key(second.kid)
    (path,) = folder.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not first.key(first.kid).is_private
    with pytest.raises(UnknownKey):
        first.key("another")


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("api.example", False),
        ("localhost.example", False),
    ],
)
def test_what_only_this_machine_can_reach(host: str, loopback: bool) -> None:
    """The development key counts only there."""
    assert is_loopback(host) is loopback
