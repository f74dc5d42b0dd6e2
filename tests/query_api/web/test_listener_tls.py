"""The read side's own TLS: its certificate is replaced while it serves, and a wrong one is said."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from fdt.processes.children import LOCALHOST
from query_api.assembly import ReadSideConfig
from query_api.server import CannotServe, run
from query_api.web.listener_tls import (
    PART,
    CertificateFiles,
    ListenerTls,
    UnusableCertificate,
)
from runtime.health import Health
from tests.query_api.test_server import address_in, config, wait_ready
from tests.runtime.access.secured import Authority
from tests.support.processes import running

__all__ = ["config"]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Signs for this machine."""
    return Authority.create(tmp_path / "authority")


def files_of(authority: Authority, name: str = "read-side") -> CertificateFiles:
    """A certificate for this machine, where the read side finds it."""
    return CertificateFiles(*authority.issue(name, LOCALHOST, file="read-side"))


def shown_by(tls: ListenerTls, authority: Authority) -> str:
    """The name in the certificate of a handshake."""
    client = ssl.create_default_context(cafile=authority.ca)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        told: list[str] = []

        def ask() -> None:
            with client.wrap_socket(ours, server_hostname=LOCALHOST) as asked:
                found = asked.getpeercert(binary_form=True)
                assert found is not None
                name = x509.load_der_x509_certificate(found).subject.rfc4514_string()
                told.append(name.removeprefix("CN="))

        asking = threading.Thread(target=ask)
        asking.start()
        with tls.context.wrap_socket(theirs, server_side=True):
            asking.join(10)
        return told[0]


def test_a_certificate_that_was_replaced_is_used(authority: Authority) -> None:
    """Once both files are whole; what was read before serves until then."""
    health = Health()
    tls = ListenerTls(files_of(authority), health, on_end=lambda _: None)
    assert shown_by(tls, authority) == "read-side"
    before = tls._files.key.read_bytes()
    files_of(authority, "renewed")
    tls.look()
    assert shown_by(tls, authority) == "read-side", "it may just be written"
    tls.look()
    assert shown_by(tls, authority) == "renewed"
    tls._files.key.write_bytes(before)
    for _ in range(2):
        tls.look()
    assert "KEY_VALUES_MISMATCH" in health.troubles()[PART]
    assert shown_by(tls, authority) == "renewed"
    files_of(authority, "again")
    for _ in range(2):
        tls.look()
    assert (shown_by(tls, authority), dict(health.troubles())) == ("again", {})
    tls._files.key.unlink()
    tls.look()
    assert "what was read before is used" in health.troubles()[PART]


@pytest.mark.parametrize("kind", ["another's key", "encrypted", "missing", "no PEM"])
def test_files_of_no_use_are_one_sentence(authority: Authority, kind: str) -> None:
    """Both settings, and what is wrong."""
    files = files_of(authority)
    if kind == "another's key":
        files = replace(files, key=authority.issue("other", LOCALHOST)[1])
    elif kind == "encrypted":
        key = serialization.load_pem_private_key(files.key.read_bytes(), None)
        files.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.BestAvailableEncryption(b"secret"),
            )
        )
    elif kind == "missing":
        files.key.unlink()
    else:
        files.certificate.write_text("not a certificate")
    with pytest.raises(UnusableCertificate, match=r"FDT_API_CERTIFICATE_FILE .* cannot be "):
        ListenerTls(files, Health(), on_end=lambda _: None)


def test_the_read_side_does_not_start_without_it(
    config: ReadSideConfig, authority: Authority, tmp_path: Path
) -> None:
    """Rather than speak to people in the clear."""
    missing = CertificateFiles(tmp_path / "none.pem", tmp_path / "none.key")
    with pytest.raises(CannotServe, match=r"none.pem .* cannot be read"):
        run(replace(config, port=0, oidc_issuer="https://idp.example", tls=missing))


def test_a_read_side_answers_over_tls(
    fresh_topics: str, authority: Authority, tmp_path: Path
) -> None:
    """To those who know its authority; the doctor finds it."""
    files, log = files_of(authority), tmp_path / "serve.log"
    log.touch()
    with socket.create_server((LOCALHOST, 0)) as probe:
        port = probe.getsockname()[1]
    settings = {
        "KAFKA_BOOTSTRAP_SERVERS": fresh_topics,
        "FDT_DATA_DIR": str(tmp_path),
        "FDT_API_PORT": str(port),
        "FDT_API_CERTIFICATE_FILE": str(files.certificate),
        "FDT_API_KEY_FILE": str(files.key),
    }
    known = ssl.create_default_context(cafile=authority.ca)
    with running("serve", log=log, **settings) as process:
        url = address_in(log, process)
        assert url == f"https://{LOCALHOST}:{port}"
        wait_ready(url, known)
        assert httpx.get(f"{url}/healthz", verify=known).json() == {"status": "ok"}
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(f"{url}/healthz")
        told = subprocess.run(
            [sys.executable, "-m", "fdt", "doctor", "--json"],
            env={"PATH": "/usr/bin:/bin", **settings},
            capture_output=True,
            text=True,
            check=False,
        ).stdout
        assert f"The read side at {url} is ready" in told
