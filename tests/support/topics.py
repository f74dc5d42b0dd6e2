"""Topics of the broker as tables, and a clean set of them for each test."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from confluent_kafka import KafkaError, Message, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # exported at run time
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    ResourceType,
)

from fdt.kafka.topics import ensure_topics, specs_of
from fdt.settings import Settings
from projections.catalogue import load_catalogue
from projections.rows import decode_row
from projections.views import DeviceView, ItemView, device_view
from runtime import kafka
from schemas.codec import Codec
from schemas.topics import CONTROL_KEY, DAY_MS, DEAD_LETTERS, STATUS, TOPICS


def create_anew(bootstrap: str, settings: Settings | None = None) -> None:
    """Delete the project's topics and create them empty, as ``settings`` want them."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    names = {topic.name for topic in TOPICS}
    held = [name for name in admin.list_topics(timeout=10).topics if name in names]
    if held:
        for future in admin.delete_topics(held).values():
            future.result()
        while names & set(admin.list_topics(timeout=10).topics):
            time.sleep(0.05)
    assert ensure_topics(bootstrap, specs_of(settings or Settings())) == []


def refuse_topics_of_others(bootstrap: str) -> None:
    """Fail where a broker's firmware topics are somebody else's: the tests delete them.

    Asked once, before the first test has the broker: whatever is there later is the tests' own.
    """
    admin = AdminClient({"bootstrap.servers": bootstrap})
    held = {topic.name for topic in TOPICS} & set(admin.list_topics(timeout=10).topics)
    if held:
        pytest.fail(
            f"The broker at {bootstrap} already holds {', '.join(sorted(held))}, and the tests "
            "would delete them. Name an empty broker in KAFKA_BOOTSTRAP_SERVERS.",
            pytrace=False,
        )


def set_config(bootstrap: str, topic: str, name: str, value: str) -> None:
    """One setting of a topic, as an operator changes it; done when the broker shows it."""
    entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for future in admin.incremental_alter_configs([resource]).values():
        future.result()
    asked = ConfigResource(ResourceType.TOPIC, topic)
    while admin.describe_configs([asked])[asked].result()[name].value != value:
        time.sleep(0.05)


def grow(bootstrap: str, topic: str, partitions: int) -> None:
    """Give a topic more partitions, as an operator does."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for future in admin.create_partitions([NewPartitions(topic, partitions)]).values():
        future.result()
    while len(admin.list_topics(topic, timeout=10).topics[topic].partitions) < partitions:
        time.sleep(0.05)


def delete(bootstrap: str, topic: str) -> None:
    """Delete a topic, and wait until it is gone."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for future in admin.delete_topics([topic]).values():
        future.result()
    while topic in admin.list_topics(timeout=10).topics:
        time.sleep(0.05)


def committed(bootstrap: str, topic: str) -> Iterator[Message]:
    """Every committed record of a topic, partition by partition, to the ends at the call; with an
    analyst's rights."""
    consumer = kafka.consumer(bootstrap, "fdt-analysis", kafka.COMMITTED)
    try:
        waiting = set(consumer.list_topics(topic, timeout=10).topics[topic].partitions)
        consumer.assign([TopicPartition(topic, number, 0) for number in waiting])
        while waiting:
            for message in consumer.consume(2_000, timeout=0.1):
                error = message.error()
                if error is None:
                    yield message
                elif error.code() == KafkaError._PARTITION_EOF:
                    waiting.discard(message.partition())
                else:
                    raise AssertionError(error.str())
    finally:
        consumer.close()


@dataclass
class Table:
    """The status topic, folded by key."""

    rows: dict[str, bytes] = field(default_factory=dict)
    """Device ID -> row bytes."""
    controls: dict[int, dict[str, Any]] = field(default_factory=dict)
    """Partition -> its last control record."""

    @property
    def counts(self) -> dict[str, int]:
        """Sums over the partitions."""
        sums: dict[str, int] = {}
        for control in self.controls.values():
            for name, count in control["counts"].items():
                sums[name] = sums.get(name, 0) + count
        return sums

    def views(self) -> dict[str, DeviceView]:
        """What is shown of every device."""
        catalogue = load_catalogue()
        return {
            device: device_view(device, decode_row(state), catalogue, 30 * DAY_MS)
            for device, state in self.rows.items()
        }

    def items(self) -> dict[tuple[str, str], ItemView]:
        """What is shown of every item, by request and device."""
        return {
            (item.service_request_id, item.device_id): item
            for view in self.views().values()
            for item in view.items
        }


def table(bootstrap: str, codec: Codec | None = None, topic: str = STATUS) -> Table:
    """The latest-status table as the status topic holds it now; ``codec`` knows its schema ids."""
    codec, found = codec or Codec(), Table()
    for message in committed(bootstrap, topic):
        key, value = message.key(), message.value()
        assert key is not None
        if key == CONTROL_KEY:
            number = message.partition()
            assert number is not None
            found.controls[number] = codec.decode("ProcessorControl", value)
        elif value is None:
            found.rows.pop(key.decode(), None)
        else:
            found.rows[key.decode()] = codec.decode("FirmwareStatus", value)["state"]
    return found


def wait_until_read(
    bootstrap: str, records: int, timeout_s: float = 120, codec: Codec | None = None
) -> Table:
    """The table once the processor has read ``records`` source records; fails when it never
    does."""
    deadline = time.monotonic() + timeout_s
    while (found := table(bootstrap, codec)).counts.get("read", 0) < records:
        assert time.monotonic() < deadline, f"read {found.counts} of {records} records"
        time.sleep(0.5)
    return found


def dead_letters(bootstrap: str) -> list[dict[str, bytes]]:
    """The headers of every dead letter."""
    return [headers_of(message) for message in committed(bootstrap, DEAD_LETTERS)]


def headers_of(message: Message) -> dict[str, bytes]:
    """The headers of a record, by name."""
    found = dict(message.headers() or [])
    return {name: value for name, value in found.items() if isinstance(value, bytes)}
