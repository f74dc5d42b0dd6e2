"""What happens when the files of the credentials change: at once where it can be, in order where it
cannot, and never with files that are of no use."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import TopicPartition

from runtime import kafka
from runtime.access import rotation
from runtime.access.rotation import PART, Replacement
from runtime.health import Health
from tests.runtime.access.secured import Authority, variables

NOWHERE = "127.0.0.1:1"


class Watched:
    """A replacement, and what it did."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.passwords: list[tuple[str, str]] = []
        self.anew = 0
        self.refused: str | None = None
        self.health = Health()
        monkeypatch.setattr(kafka, "renew", lambda *told: self.passwords.append(told))
        monkeypatch.setattr(Replacement, "_refused", lambda _: self.refused)
        self.replacement = Replacement(NOWHERE, self.health, self._anew)

    def _anew(self) -> None:
        self.anew += 1

    def look(self, times: int = 2) -> None:
        """So often."""
        for _ in range(times):
            self.replacement.look()


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A worker with a password and a certificate."""
    authority = Authority.create(tmp_path / "authority")
    certificate, key = authority.issue("worker")
    found = {
        **variables(authority, "worker", "SCRAM-SHA-512"),
        "FDT_KAFKA_CERTIFICATE_FILE": str(certificate),
        "FDT_KAFKA_KEY_FILE": str(key),
    }
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    return found


def put(environment: dict[str, str], variable: str, text: str) -> None:
    """Something else into the file that a variable names."""
    Path(environment[variable]).write_text(text, encoding="utf-8")


def test_a_password_is_given_to_the_clients(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, when it stood there at two looks; nothing is made anew."""
    watched = Watched(monkeypatch)
    put(environment, "FDT_KAFKA_PASSWORD_FILE", "another\n")
    watched.look(1)
    assert watched.passwords == []
    watched.look(3)
    assert watched.passwords == [("worker", "another")]
    assert watched.anew == 0


def test_for_a_certificate_clients_are_made_anew(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once both files belong together; until then the trouble is told and nothing done."""
    watched = Watched(monkeypatch)
    other = Authority.create(Path(environment["FDT_KAFKA_CA_FILE"]).parent / "other")
    certificate, key = other.issue("worker")
    put(environment, "FDT_KAFKA_CERTIFICATE_FILE", certificate.read_text())
    watched.look(1)
    assert not watched.health.troubles()  # the key may be on its way
    watched.look(1)
    told = watched.health.troubles()[PART]
    assert "not the key of the certificate" in told
    assert "what was read before is used" in told
    put(environment, "FDT_KAFKA_KEY_FILE", key.read_text())
    watched.look(3)
    assert watched.anew == 1
    assert not watched.health.troubles()


def test_what_no_broker_takes_is_not_used(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A password that came before the broker knows it is used as soon as it does."""
    watched = Watched(monkeypatch)
    watched.refused = "The broker does not know FDT_KAFKA_USER worker"
    put(environment, "FDT_KAFKA_PASSWORD_FILE", "early")
    watched.look(4)
    assert watched.passwords == []
    assert "is not taken: The broker does not know" in watched.health.troubles()[PART]
    watched.refused = None
    watched.look(1)
    assert watched.passwords == [("worker", "early")]
    assert not watched.health.troubles()


def test_a_file_that_is_gone_is_told(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And new clients have what it held before."""
    watched = Watched(monkeypatch)
    watched.look()
    Path(environment["FDT_KAFKA_PASSWORD_FILE"]).unlink()
    watched.look()
    assert "there is no such file" in watched.health.troubles()[PART]
    assert kafka.aiokafka_settings(NOWHERE, "any")["sasl_plain_password"] == "of-the-worker"


def test_the_secret_of_a_token_client_is_replaced_too(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No client of librdkafka reads it again."""
    monkeypatch.setenv("FDT_KAFKA_SASL_MECHANISM", "OAUTHBEARER")
    monkeypatch.setenv("FDT_KAFKA_TOKEN_URL", "https://idp.example/token")
    watched = Watched(monkeypatch)
    put(environment, "FDT_KAFKA_PASSWORD_FILE", "another")
    watched.look(3)
    assert (watched.anew, watched.passwords) == (1, [])


def test_every_client_gets_a_new_password(environment: dict[str, str]) -> None:
    """Of librdkafka, which tells whether it can, and of aiokafka, which takes it when it connects;
    one that is gone is not kept."""

    class Aiokafka:
        _sasl_plain_password = "old"

    other: Any = kafka.renewed(Aiokafka())
    clients: list[Any] = [
        kafka.admin_client(NOWHERE),
        kafka.producer(NOWHERE, "any", {"log_level": kafka.SILENT}),
        kafka.consumer(NOWHERE, "any", {"log_level": kafka.SILENT}),
    ]
    assert all(client in kafka._CLIENTS for client in clients)
    clients[-1].close()  # it is kept here, and connects no more
    kafka.renew("worker", "new")
    assert other._sasl_plain_password == "new"


def test_whoever_waits_in_a_client_keeps_no_other_from_a_password(
    environment: dict[str, str],
) -> None:
    """A thread that reads and reads, of topics that are not there, is in a consumer all the time;
    the consumer takes the password all the same."""
    reading, over = kafka.consumer(NOWHERE, "any", {"log_level": kafka.SILENT}), threading.Event()
    reading.assign([TopicPartition("any", 0, 0)])

    def read() -> None:
        while not over.is_set():
            reading.poll(3.0)
            reading.consume(10, 3.0)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        time.sleep(0.5)
        began = time.monotonic()
        kafka.renew("worker", "new")
        took = time.monotonic() - began
        until_taken = began + 30
        while reading._password and time.monotonic() < until_taken:
            time.sleep(0.05)
    finally:
        over.set()
        reader.join()
        reading.close()
    assert took < 1.5, f"the others waited for {took:.1f} s"
    assert not reading._password


def test_whoever_looks_is_watched(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread's end is told to its owner; a replacement ends the program to begin it again."""
    monkeypatch.setattr(Replacement, "look", lambda self: self._anew())
    ended: list[str] = []
    watched = rotation.Rotation(
        NOWHERE, Health(), lambda: ended.append("in order"), lambda error: None, every_s=0.01
    )
    watched.start()
    watched._looking._thread.join(30)
    assert watched.begin_again
    assert ended == ["in order"]
    watched.stop()
