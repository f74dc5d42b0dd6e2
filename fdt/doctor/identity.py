"""Checks the identity provider: its discovery document, its keys, its clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx
import msgspec

from fdt.doctor.findings import Asked, Finding, failure, not_configured, ok, warning
from query_api.identity.provider_http import TIMEOUT_S, ProviderAway, ProviderHttp

LEEWAY_S: Final = 30
"""As :mod:`query_api.identity.access_tokens` gives a token's times."""
_SIGNING: Final = ("EC", "RSA", "OKP")


class _Document(msgspec.Struct):
    issuer: str
    jwks_uri: str
    authorization_endpoint: str | None = None
    token_endpoint: str | None = None


class _Keys(msgspec.Struct):
    keys: list[dict[str, Any]]


def looked_at(asked: Asked, now: Callable[[], float] = time.time) -> Iterator[Finding]:
    """Ask the provider as the read side does."""
    issuer = asked.settings.oidc_issuer
    if issuer is None:
        yield _none(asked.settings.profile)
        return
    dates: list[str] = []
    hooks = {"response": [lambda answer: dates.append(answer.headers.get("Date", ""))]}
    try:
        verify = ProviderHttp(issuer, ca_file=asked.settings.oidc_ca_file).trusted
        with httpx.Client(timeout=TIMEOUT_S, event_hooks=hooks, verify=verify) as client:
            provider = ProviderHttp(issuer, client)
            document = provider.discovered(_Document)
            keys = provider.answer(document.jwks_uri, _Keys).keys
    except ProviderAway as error:
        yield failure(str(error), "Start it, or correct FDT_OIDC_ISSUER (docs/how-to/sign-in.md)")
        return
    yield from _judged(issuer, document, keys, asked.settings.oidc_client_id)
    if dates[0]:
        yield from _clock(parsedate_to_datetime(dates[0]).timestamp() - now())


def _none(profile: str) -> Finding:
    if profile == "production":
        return failure(
            "FDT_OIDC_ISSUER is not set, and the profile is production: nobody can sign in",
            "Name the provider (docs/how-to/sign-in.md)",
        )
    return not_configured("No provider: tokens are signed by this machine's development key")


def _judged(
    issuer: str, document: _Document, keys: list[dict[str, Any]], client_id: str | None
) -> Iterator[Finding]:
    usable = [
        key
        for key in keys
        if key.get("kty") in _SIGNING and key.get("use", "sig") == "sig" and "kid" in key
    ]
    if not usable:
        yield failure(
            f"{issuer} publishes no key that signs (of {len(keys)})",
            "Give it an EC, RSA or OKP key with a key ID",
        )
    elif client_id and not (document.authorization_endpoint and document.token_endpoint):
        yield failure(
            f"{issuer} names no place to sign in, and FDT_OIDC_CLIENT_ID is set",
            "Turn on the authorization code flow at the provider",
        )
    else:
        yield ok(f"{issuer} answers, with {len(usable)} keys")


def _clock(ahead_s: float) -> Iterator[Finding]:
    """A date in an answer has whole seconds."""
    if abs(ahead_s) > LEEWAY_S:
        yield failure(
            f"The provider's clock differs by {ahead_s:+.0f} s from this machine's: its tokens are "
            "refused as too early or too late",
            "Set both by the same time server (NTP)",
        )
    elif abs(ahead_s) > LEEWAY_S / 3:
        yield warning(
            f"The provider's clock differs by {ahead_s:+.0f} s from this machine's",
            "Set both by the same time server (NTP)",
        )
