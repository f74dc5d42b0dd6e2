"""A broker with TLS and SASL: every kind of client works, or says what is wrong."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # exported at run time
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from fdt.brokers.local import LocalKafka
from fdt.errors import UserError
from fdt.kafka.topics import ensure_topics, specs_of
from fdt.processes.children import free_port
from fdt.settings import Settings
from runtime import kafka
from schemas.codec import Codec
from schemas.topics import DSP_EVENTS
from tests.runtime.access.secured import PASSWORDS, Authority, broker_settings, variables
from tests.support.events import DEVICE, dsp_event
from tests.support.processes import running, worker
from tests.support.read_side import service_centre, until_answered

WITHIN_S: Final = 60.0
ITERATIONS: Final = 4_096


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who signed the broker's certificate."""
    return Authority.create(tmp_path_factory.mktemp("secured") / "authority")


@pytest.fixture(scope="module")
def secured(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    """A broker with a user ``worker``, who proves the password by SCRAM."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables(authority, "broker", "PLAIN").items():
            patch.setenv(name, value)
        kafka_ = LocalKafka(
            tmp_path_factory.mktemp("secured") / "kafka", extra=broker_settings(authority)
        )
        with kafka_:
            info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, ITERATIONS)
            user = UserScramCredentialUpsertion("worker", info, PASSWORDS["worker"].encode())
            admin = kafka.admin_client(kafka_.bootstrap_servers)
            for done in admin.alter_user_scram_credentials([user]).values():
                done.result(WITHIN_S)
            yield kafka_


@pytest.fixture
def as_worker(monkeypatch: pytest.MonkeyPatch, authority: Authority) -> pytest.MonkeyPatch:
    """Every client of the test, and of its processes, is the worker's."""
    for name, value in variables(authority, "worker", "SCRAM-SHA-512").items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_the_whole_pipe_works_behind_tls_and_a_password(
    secured: LocalKafka, as_worker: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Topics, a publisher, Faust's client and the worker's own, the read side's feed and audit."""
    bootstrap, port = secured.bootstrap_servers, free_port()
    ensure_topics(bootstrap, specs_of(Settings()))
    producer = kafka.producer(bootstrap, "publisher")
    producer.produce(DSP_EVENTS, Codec().encode("DspEvent", dsp_event()), DEVICE.encode())
    assert producer.flush(WITHIN_S) == 0
    serving = {
        "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "FDT_DATA_DIR": str(tmp_path / "read-side"),
        "FDT_API_PORT": str(port),
    }
    (tmp_path / "read-side").mkdir()
    (tmp_path / "worker").mkdir()
    with (
        worker(bootstrap, tmp_path / "worker"),
        running("serve", log=tmp_path / "read-side" / "log", **serving),
        service_centre(tmp_path / "read-side", port) as api,
    ):
        assert DEVICE in str(until_answered(api, DEVICE, WITHIN_S))


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("FDT_KAFKA_USER", None, "set FDT_KAFKA_USER and FDT_KAFKA_PASSWORD_FILE"),
        ("FDT_KAFKA_PASSWORD_FILE", None, "set FDT_KAFKA_USER and FDT_KAFKA_PASSWORD_FILE"),
        ("FDT_KAFKA_PASSWORD_FILE", os.devnull, "FDT_KAFKA_PASSWORD_FILE is .*: there is no such"),
        ("FDT_KAFKA_CERTIFICATE_FILE", __file__, "come together: set both"),
        ("FDT_KAFKA_KEY_FILE", __file__, "come together: set both"),
        ("FDT_KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT", "FDT_KAFKA_CA_FILE is set and"),
        ("FDT_KAFKA_SECURITY_PROTOCOL", "SSL", "FDT_KAFKA_USER is set and"),
        ("FDT_KAFKA_SECURITY_PROTOCOL", None, "is PLAINTEXT, which does not use it"),
    ],
)
def test_what_contradicts_itself_is_refused(
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str | None,
    told: str,
) -> None:
    """Before any client is made, by the names of the variables: no secret is ignored in silence."""
    for name, given in variables(authority, "worker", "PLAIN").items():
        monkeypatch.setenv(name, given)
    Settings()
    if value is None:
        monkeypatch.delenv(variable)
    else:
        monkeypatch.setenv(variable, value)
    with pytest.raises(UserError, match=told):
        Settings()


def test_a_password_is_there_and_never_readable_on_the_way(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An empty file is no password; PLAIN without TLS sends it as it is."""
    for name, given in variables(authority, "worker", "PLAIN").items():
        monkeypatch.setenv(name, given)
    monkeypatch.delenv("FDT_KAFKA_CA_FILE")
    with monkeypatch.context() as patch:
        patch.setenv("FDT_KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT")
        with pytest.raises(UserError, match="for all to read"):
            Settings()
    (tmp_path / "empty").write_text("\n", encoding="utf-8")
    monkeypatch.setenv("FDT_KAFKA_PASSWORD_FILE", str(tmp_path / "empty"))
    with pytest.raises(UserError, match="it is empty"):
        Settings()


def test_a_file_that_is_not_there_is_named(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of the four; so are two that do not belong together, and what is no certificate."""
    for name, given in variables(authority, "worker", "PLAIN").items():
        monkeypatch.setenv(name, given)
    certificate, key = authority.issue("worker")
    _, another = authority.issue("another")
    monkeypatch.setenv("FDT_KAFKA_CERTIFICATE_FILE", str(certificate))
    for path, told in ((another, "is not the key of"), (Path(__file__), "one of them is no PEM")):
        monkeypatch.setenv("FDT_KAFKA_KEY_FILE", str(path))
        with pytest.raises(UserError, match=told):
            Settings()
    monkeypatch.setenv("FDT_KAFKA_KEY_FILE", str(key))
    for name in ("CA_FILE", "CERTIFICATE_FILE", "KEY_FILE", "PASSWORD_FILE"):
        with monkeypatch.context() as patch:
            patch.setenv(f"FDT_KAFKA_{name}", "/not/there")
            with pytest.raises(UserError, match=f"FDT_KAFKA_{name} is /not/there"):
                Settings()
