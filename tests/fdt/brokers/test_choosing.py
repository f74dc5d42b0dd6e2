"""Which broker is used, and that each kind keeps the one interface."""

from __future__ import annotations

from pathlib import Path

import pytest

from fdt.brokers import container
from fdt.brokers import finding as brokers
from fdt.brokers.container import container_variables
from fdt.brokers.finding import AddressBroker, Broker, ContainerBroker, LocalKafka, choose_broker
from fdt.errors import UserError
from fdt.settings import Settings

NAMED = Settings(kafka_bootstrap_servers="broker-1:9092")
UNNAMED = Settings(kafka_bootstrap_servers=None)


@pytest.fixture
def docker(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose Docker engine answers."""
    monkeypatch.setattr(brokers, "docker_answers", lambda: True)


@pytest.mark.usefixtures("docker")
@pytest.mark.parametrize("for_tests", [True, False])
def test_a_broker_that_is_named_is_used_before_any_other(for_tests: bool) -> None:
    """KAFKA_BOOTSTRAP_SERVERS wins, in tests and out of them."""
    assert isinstance(choose_broker(NAMED, for_tests=for_tests), AddressBroker)


@pytest.mark.usefixtures("docker")
def test_tests_take_a_container_where_docker_answers() -> None:
    """A run does not: it needs nothing but Python."""
    assert isinstance(choose_broker(UNNAMED, for_tests=True), ContainerBroker)
    assert isinstance(choose_broker(UNNAMED, for_tests=False), LocalKafka)


def test_tests_take_the_local_kafka_where_docker_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An installed client without an engine is no engine."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    assert not container.docker_answers()
    assert isinstance(choose_broker(UNNAMED, for_tests=True), LocalKafka)


def test_the_local_kafka_lives_in_the_data_folder(tmp_path: Path) -> None:
    """Unless another folder is given."""
    settings = Settings(data_dir=tmp_path, kafka_bootstrap_servers=None)
    chosen = choose_broker(settings, for_tests=False)
    assert isinstance(chosen, LocalKafka)
    assert chosen.folder == tmp_path / "kafka"


def test_an_address_where_nobody_answers_is_one_sentence() -> None:
    """It names the address and the variable."""
    silent = AddressBroker("127.0.0.1:1", timeout_seconds=0.5)
    with pytest.raises(UserError, match=r"answers at 127\.0\.0\.1:1 .*KAFKA_BOOTSTRAP_SERVERS"):
        silent.start()


def test_an_address_where_a_broker_answers_is_taken(broker: Broker) -> None:
    """Stopping it leaves the broker to whoever runs it."""
    with AddressBroker(broker.bootstrap_servers) as named:
        assert named.describe() == f"Kafka at {broker.bootstrap_servers}"
    named.start()


def test_a_container_tells_clients_where_the_host_maps_its_port() -> None:
    """The address that clients are sent to is the one outside the container."""
    variables = container_variables("docker-host", 23456, {"log.cleaner.backoff.ms": "500"})
    assert variables["KAFKA_ADVERTISED_LISTENERS"] == "PLAINTEXT://docker-host:23456"
    assert variables["KAFKA_LISTENERS"].startswith("PLAINTEXT://0.0.0.0:23456,")
    assert variables["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    assert variables["KAFKA_LOG_CLEANER_BACKOFF_MS"] == "500"
