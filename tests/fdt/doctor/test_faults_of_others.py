"""The same for what others serve: registry, identity provider, certificates, other programs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from fdt.doctor.certificates import judged
from fdt.doctor.table import examined
from processor.monitoring import Monitoring, Watched
from runtime.health import Health
from runtime.metrics.definition import new_registry
from runtime.metrics.process import of_process
from runtime.topics import TopicsWatch
from tests.fdt.doctor.report import Report
from tests.runtime.access.secured import Authority
from tests.support.local_http import serving_http
from tests.support.registry import Registry, serving
from tests.support.registry_gateway import PASSWORD, USER, gateway

Patch = pytest.MonkeyPatch


@pytest.fixture
def registry(monkeypatch: Patch) -> Iterator[Registry]:
    """A registry that has what it should."""
    with serving() as found:
        monkeypatch.setenv("SCHEMA_REGISTRY_URL", found.url)
        yield found


@pytest.mark.usefixtures("system")
def test_a_registry_without_schemas_and_guards(registry: Registry) -> None:
    """Each is told; neither is registered or set."""
    report = Report()
    assert [one for one in report.not_well if one[1] == "failure"] == []
    registry.answers.clear()
    registry.asked.clear()
    report = Report()
    assert ("registry", "failure") in report.not_well
    assert "Run 'fdt registry'" in report.said("registry")
    assert not any(path.partition("?")[0].endswith("/versions") for path in registry.asked)


@pytest.mark.usefixtures("system")
def test_certificates_and_passwords_of_a_registry(
    registry: Registry, tmp_path: Path, monkeypatch: Patch
) -> None:
    """One that ends soon is a warning, ours and its own; a wrong password is the registry's."""
    authority = Authority.create(tmp_path / "authority")
    secret = tmp_path / "password"
    secret.write_text(PASSWORD)
    secret.chmod(0o600)
    with gateway(registry.url, authority.issue("registry", "127.0.0.1")) as before:
        monkeypatch.setenv("SCHEMA_REGISTRY_URL", before.url)
        monkeypatch.setenv("FDT_SCHEMA_REGISTRY_CA_FILE", str(authority.ca))
        monkeypatch.setenv("FDT_SCHEMA_REGISTRY_USER", USER)
        monkeypatch.setenv("FDT_SCHEMA_REGISTRY_PASSWORD_FILE", str(secret))
        ends = [("certificates", "warning"), ("certificates", "warning")]
        report = Report()
        assert [one for one in report.not_well if one[0] != "registry"] == ends
        secret.write_text("wrong")
        report = Report()
        assert [one for one in report.not_well if one[1] == "failure"] == [("registry", "failure")]
        assert "FDT_SCHEMA_REGISTRY_USER" in report.said("registry")
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        report = Report()
        assert [one for one in report.not_well if one[0] == "settings"] == [("settings", "warning")]
        assert f"chmod 600 {secret}" in report.said("settings")


@pytest.mark.parametrize(
    ("days", "state"), [(-1, "failure"), (1, "warning"), (29, "warning"), (31, "ok")]
)
def test_when_a_certificate_ends(days: int, state: str) -> None:
    """A month before, it is said."""
    now = datetime.now(UTC)
    begins, ends = now - timedelta(days=100), now + timedelta(days=days)
    found = judged("it", begins, ends, now)
    assert found.state == state
    if days > 0:
        assert found.found.endswith(f", in {days} day{'' if days == 1 else 's'}")
    assert judged("it", now + timedelta(days=1), ends, now).state == "failure"


@pytest.mark.usefixtures("system")
@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({}, None),
        ({"issuer": "https://other.example"}, "failure"),
        ({"keys": []}, "failure"),
        ({"date": timedelta(seconds=100)}, "failure"),
        ({"date": timedelta(seconds=-15)}, "warning"),
    ],
    ids=["well", "issuer", "keys", "clock", "nearly"],
)
def test_an_identity_provider_that_cannot_be_used(
    change: dict[str, Any], state: str | None, monkeypatch: Patch
) -> None:
    """Another's document, no keys, another time."""
    with provider(change) as url:
        monkeypatch.setenv("FDT_OIDC_ISSUER", url)
        report = Report()
        assert report.not_well == ([] if state is None else [("identity-provider", state)])


@contextmanager
def provider(change: dict[str, Any]) -> Iterator[str]:
    """Discovery document and keys of a provider, over HTTP; the issuer."""
    ahead = change.get("date", timedelta(0))
    keys = change.get("keys", [{"kty": "EC", "kid": "k", "use": "sig"}])

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            document = {"issuer": change.get("issuer", url), "jwks_uri": f"{url}/keys"}
            body = json.dumps({"keys": keys} if self.path == "/keys" else document).encode()
            self.send_response_only(200)
            date = datetime.now(UTC) + ahead
            self.send_header("Date", date.strftime("%a, %d %b %Y %H:%M:%S GMT"))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Tests have no log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    url = f"http://127.0.0.1:{server.server_port}"
    with serving_http(server):
        yield url


def test_a_worker_in_trouble_or_of_another_version(
    system: str, tmp_path: Path, monkeypatch: Patch
) -> None:
    """As it says itself."""
    health, watch = Health(), TopicsWatch(system, [], Health(), lambda _: None)
    registry = new_registry()
    registry.register(of_process(tmp_path)[0])
    seen = Watched(health, watch, list, lambda: True, registry)
    served = Monitoring("127.0.0.1", 0, seen, lambda _: None)
    served.start()
    try:
        monkeypatch.setenv("FDT_PROCESSOR_PORT", served.address.rpartition(":")[2])
        report = Report()
        assert report.not_well == []
        health.trouble("topics", "partitions is 8")
        report = Report()
        assert report.not_well == [("worker", "failure")]
        assert "topics: partitions is 8" in report.said("worker")
        health.well("topics")
        monkeypatch.setattr("runtime.metrics.process.version", lambda _: "0.0.1")
        report = Report()
        assert report.not_well == [("worker", "warning")]
        assert "is 0.0.1, and this is" in report.said("worker")
    finally:
        served.stop()


def test_a_full_report_reads_only(system: str, tmp_path: Path) -> None:
    """Not a file is made."""
    shutil.rmtree(tmp_path / "none", ignore_errors=True)
    before = sorted(tmp_path.rglob("*"))
    list(examined())
    assert sorted(tmp_path.rglob("*")) == before
