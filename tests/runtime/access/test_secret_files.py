"""Secrets of the read side stand in files, and its identity provider may have an own authority."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fdt.commands.serve import read_side_config
from fdt.errors import UserError
from fdt.settings import Settings
from query_api.identity.access_tokens import Authenticator, Claims
from query_api.identity.provider_http import ProviderAway, ProviderHttp
from query_api.identity.sign_in import Client, Endpoints, Provider, SignIn
from tests.runtime.access.secured import Authority
from tests.support.registry_gateway import gateway

LONG = "s" * 32


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Signs the provider's certificate."""
    return Authority.create(tmp_path_factory.mktemp("provider") / "authority")


@pytest.fixture(scope="module")
def provider_url(authority: Authority) -> Iterator[str]:
    """Where somebody answers over TLS, with a refusal."""
    with gateway("http://127.0.0.1:1", authority.issue("provider", "127.0.0.1")) as guarded:
        yield guarded.url


def test_secrets_in_files_are_what_the_read_side_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a container engine mounts them, with the end of a line."""
    for name, text in (("OIDC_CLIENT_SECRET", "of-the-client"), ("SCREEN_SECRET", LONG)):
        path = tmp_path / name
        path.write_text(f"{text}\n")
        monkeypatch.setenv(f"FDT_{name}_FILE", str(path))
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9092")
    screen = read_side_config(Settings()).screen
    assert (screen.client_secret, screen.secret) == ("of-the-client", LONG)


@pytest.mark.parametrize(
    ("variables", "content", "said"),
    [
        (["FDT_OIDC_CA_FILE"], None, "there is no such file"),
        (["FDT_OIDC_CLIENT_SECRET_FILE"], "\n", "it is empty"),
        (["FDT_SCREEN_SECRET_FILE"], "short", "FDT_SCREEN_SECRET_FILE cannot be used: a secret"),
        (["FDT_SCREEN_SECRET_FILE", "FDT_SCREEN_SECRET"], LONG, "are both set: leave one out"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(
    variables: list[str],
    content: str | None,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Before anything is served."""
    path = tmp_path / ("s" * 40)
    if content is not None:
        path.write_text(content)
    for name in variables:
        monkeypatch.setenv(name, str(path))
    with pytest.raises(UserError, match=said) as refused:
        Settings()
    assert variables[0] in str(refused.value)


def test_an_own_authority_is_trusted_where_it_is_named(
    authority: Authority, provider_url: str
) -> None:
    """With it the provider's refusal is read; without it nothing is sent."""
    asked = f"{provider_url}/keys"
    with pytest.raises(ProviderAway, match="401"):
        ProviderHttp(provider_url, ca_file=authority.ca).answer(asked, dict)
    with pytest.raises(ProviderAway, match="certificate verify failed"):
        ProviderHttp(provider_url).answer(asked, dict)
    with pytest.raises(ProviderAway, match="FDT_OIDC_CA_FILE"):
        ProviderHttp(provider_url, ca_file=authority.folder / "gone").answer(asked, dict)


@pytest.mark.parametrize("named", [True, False])
def test_the_sign_in_trusts_the_same(authority: Authority, provider_url: str, named: bool) -> None:
    """Codes are exchanged for tokens over a connection of its own."""
    known = Endpoints(provider_url, f"{provider_url}/authorize", f"{provider_url}/token")
    provider = Provider(ProviderHttp(provider_url, ca_file=authority.ca if named else None))
    provider._known, provider._known_at = known, time.monotonic()
    client = Client("screen", "secret", "https://127.0.0.1/back", "https://127.0.0.1/out")
    sign_in = SignIn(provider, Authenticator({}, "screen", Claims()), client)
    begun = sign_in.begin("/search")
    with pytest.raises(ProviderAway) as away:
        sign_in.finish(begun.browser, {"state": begun.state, "code": "any"})
    assert ("certificate verify failed" in str(away.value)) is not named
