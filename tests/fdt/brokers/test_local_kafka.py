"""The local Kafka is a real broker: it keeps data and address, and says why it cannot start."""

from __future__ import annotations

import os
import re
import shutil
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from fdt.brokers import local
from fdt.brokers.local import LocalKafka
from fdt.errors import RunFailed, UserError
from fdt.kafka.topics import create_missing
from schemas.topics import TopicSpec


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    """One broker of this module's own; every test leaves it running.

    Its cluster's id begins with a dash, as one in 64 does.
    """
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("fdt.brokers.local.uuid.uuid4", lambda: uuid.UUID(int=0xF8 << 120 | 7))
        broker = LocalKafka(tmp_path_factory.mktemp("kafka"), heap_mb=256)
        broker.start()
    with broker:
        yield broker


def test_any_identity_is_good(kafka: LocalKafka) -> None:
    """The tool that writes it must not take it for an option."""
    assert "cluster.id=-" in identity(kafka)


def test_it_takes_records_and_gives_them_back(kafka: LocalKafka) -> None:
    """A topic can be created, written and read."""
    publish(kafka, "plain", b"one")
    assert read(kafka, "plain", 1) == [b"one"]


def test_it_logs_to_a_file_in_its_folder(kafka: LocalKafka) -> None:
    """Without a binding for its logger Kafka would be silent."""
    assert "Kafka Server started" in kafka.log_file.read_text()


def test_a_stop_and_a_start_keep_data_and_address(kafka: LocalKafka) -> None:
    """Records, port and cluster are those of before."""
    publish(kafka, "stopped", b"before")
    address, cluster = kafka.bootstrap_servers, identity(kafka)
    kafka.stop()
    assert not kafka.running
    kafka.start()
    assert (kafka.bootstrap_servers, identity(kafka)) == (address, cluster)
    assert read(kafka, "stopped", 1) == [b"before"]


def test_a_crash_and_a_start_keep_data_and_address(kafka: LocalKafka) -> None:
    """Acknowledged records survive SIGKILL of the broker's process."""
    publish(kafka, "killed", b"before")
    address = kafka.bootstrap_servers
    kafka.kill()
    with pytest.raises(RunFailed, match="has ended"):
        kafka.require_running()
    kafka.start()
    assert kafka.bootstrap_servers == address
    publish(kafka, "killed", b"after")
    assert read(kafka, "killed", 2) == [b"before", b"after"]


def test_another_object_on_the_folder_finds_the_same_address(kafka: LocalKafka) -> None:
    """The ports are noted in the folder, so a restarted program meets its broker where it was."""
    address = kafka.bootstrap_servers
    kafka.stop()
    with LocalKafka(kafka.folder, heap_mb=256) as again:
        assert again.bootstrap_servers == address
    kafka.start()


def test_topics_are_never_made_by_a_spelling_mistake(kafka: LocalKafka) -> None:
    """A record for an unknown topic is refused."""
    errors: list[object] = []
    producer = Producer(
        {"bootstrap.servers": kafka.bootstrap_servers, "message.timeout.ms": 3000, "log_level": 0}
    )
    producer.produce("misspelt", b"lost", on_delivery=lambda error, _: errors.append(error))
    assert producer.flush(10) == 0
    assert errors[0] is not None


def test_a_port_in_use_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the port and what to do."""
    monkeypatch.setattr(local, "_PORT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=rf"Port {port} on 127\.0\.0\.1 is in use"):
            LocalKafka(tmp_path, port=port).start()


def test_a_java_that_ends_at_once_is_told_with_its_words(tmp_path: Path) -> None:
    """The sentence carries the exit code and the end of what Java said."""
    broker = LocalKafka(tmp_path, heap_mb=10**8)
    with pytest.raises(UserError, match=r"ended at its start \(exit code 1\).*(?s:.*)heap"):
        broker.start()
    assert not broker.running


def test_a_refused_configuration_is_told_with_kafkas_words(tmp_path: Path) -> None:
    """A setting that Kafka refuses is in the message."""
    broker = LocalKafka(tmp_path, extra={"num.partitions": "many"})
    with pytest.raises(UserError, match=r"was not formatted(?s:.*)num\.partitions"):
        broker.start()


def test_a_full_disk_is_told_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence names the folder and how much is needed."""

    class Usage(NamedTuple):
        free: int

    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(5 * 1024 * 1024))
    with pytest.raises(UserError, match=re.escape(f"Only 5 MiB are free in {tmp_path}")):
        LocalKafka(tmp_path).start()


def test_without_maven_central_the_download_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what could not be had and the other way to a broker."""
    monkeypatch.setenv("M2_REPO", str(tmp_path / "empty"))
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    told: list[str] = []
    with pytest.raises(UserError, match=r"could not be downloaded.*KAFKA_BOOTSTRAP_SERVERS"):
        LocalKafka(tmp_path, report=told.append).start()
    assert told == ["Downloading Apache Kafka 4.3.1 (45 MB, once)"]


def publish(kafka: LocalKafka, topic: str, value: bytes) -> None:
    """One acknowledged record in a topic that is made where it is missing."""
    create_missing(kafka.bootstrap_servers, [TopicSpec(topic, 1, 1, {})])
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "log_level": 0})
    producer.produce(topic, value)
    assert producer.flush(30) == 0


def read(kafka: LocalKafka, topic: str, count: int) -> list[bytes | None]:
    """The first values of a topic."""
    consumer = Consumer(
        {"bootstrap.servers": kafka.bootstrap_servers, "group.id": "reader", "log_level": 0}
    )
    try:
        consumer.assign([TopicPartition(topic, 0, 0)])
        values: list[bytes | None] = []
        while len(values) < count:
            message = consumer.poll(30)
            assert message is not None
            assert message.error() is None
            values.append(message.value())
        return values
    finally:
        consumer.close()


def identity(kafka: LocalKafka) -> str:
    """What the folder says of its cluster."""
    return (kafka.folder / "log" / "meta.properties").read_text()
