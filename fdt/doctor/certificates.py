"""Checks certificates: ours in files, and those of brokers, registry and provider."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from fdt.doctor.findings import Asked, Finding, failure, not_checked, not_configured, ok, warning
from fdt.settings import Settings, variable
from runtime.logs import durations

SOON: Final = timedelta(days=30)
_CONNECT_S: Final = 5.0
_HTTPS: Final = 443

Address = tuple[str, int]


def looked_at(asked: Asked) -> Iterator[Finding]:
    """When each ends."""
    files, servers = _files(asked.settings), _servers(asked.settings)
    if not files and not servers:
        yield not_configured("Nothing is reached over TLS")
        return
    try:
        from cryptography import x509
    except ModuleNotFoundError:
        yield not_checked("This needs the package cryptography, which is not installed")
        return
    for name, path in files.items():
        try:
            for found in x509.load_pem_x509_certificates(path.read_bytes()):
                yield judged(
                    f"{name} ({path})", found.not_valid_before_utc, found.not_valid_after_utc
                )
        except (ValueError, OSError) as error:
            yield failure(f"{name} ({path}) holds no certificate: {error}", "Name a PEM file")
    for name, address in servers.items():
        try:
            found = x509.load_der_x509_certificate(_shown_by(address))
        except OSError as error:
            yield not_checked(f"{name} shows no certificate: {error}")
        else:
            yield judged(name, found.not_valid_before_utc, found.not_valid_after_utc)


def judged(name: str, begins: datetime, ends: datetime, now: datetime | None = None) -> Finding:
    """One certificate."""
    now = now or datetime.now(UTC)
    mend = "Have it renewed by whoever signs it, and put the new one in its place"
    if now < begins:
        return failure(f"{name} is valid from {begins:%Y-%m-%d} on only", "Look at the clocks")
    if ends <= now:
        return failure(f"{name} ended on {ends:%Y-%m-%d}", mend)
    told = f"{name} ends on {ends:%Y-%m-%d}, in {_words(ends - now)}"
    return warning(told, mend) if ends - now < SOON else ok(told)


def _words(left: timedelta) -> str:
    return durations.roughly(left // timedelta(milliseconds=1))


def _files(settings: Settings) -> dict[str, Path]:
    """Every setting that names a certificate, found by the ending of its name."""
    found = {
        variable(name): getattr(settings, name)
        for name in type(settings).model_fields
        if name.endswith(("_ca_file", "_certificate_file"))
    }
    return {name: path for name, path in found.items() if isinstance(path, Path)}


def _servers(settings: Settings) -> dict[str, Address]:
    found: dict[str, Address] = {}
    if settings.has_tls and settings.kafka_bootstrap_servers:
        for one in settings.kafka_bootstrap_servers.split(","):
            host, _, port = one.strip().rpartition(":")
            found[f"The broker {one.strip()}"] = (host.strip("[]"), int(port))
    for name, url in (
        ("The registry", settings.schema_registry_url),
        ("The identity provider", settings.oidc_issuer),
        ("The screen's address", settings.public_url),
    ):
        parts = urlsplit(url or "")
        if parts.scheme == "https" and parts.hostname:
            found[f"{name} {parts.hostname}"] = (parts.hostname, parts.port or _HTTPS)
    return found


def _shown_by(address: Address) -> bytes:
    """A server's own certificate, whoever signed it: other checks find whether it is trusted."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection(address, _CONNECT_S) as plain,
        context.wrap_socket(plain, server_hostname=address[0]) as secured,
    ):
        shown = secured.getpeercert(binary_form=True)
    if shown is None:
        raise OSError("it shows none")
    return shown
