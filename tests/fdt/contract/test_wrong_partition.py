"""A client that puts records into the wrong partition is told why, on a real broker."""

from __future__ import annotations

import pytest
from confluent_kafka import Message, Producer

from fdt.brokers.base import Broker
from fdt.contract.samples import Sample
from schemas.partitioning import PRODUCER_PARTITIONER, partition_of
from schemas.topics import DSP_EVENTS
from tests.fdt.contract.test_judging import BASE_MS, CODEC, PARTITIONS, new_judge
from tests.support.events import dsp_event

DEVICES = [f"00-DB-12-34-56-78-90-{number:02X}" for number in range(16)]


def places(bootstrap: str, **settings: str) -> dict[str, int]:
    """Device -> partition into which a client of these settings put it."""
    found: dict[str, int] = {}

    def delivered(error: object, message: Message) -> None:
        assert error is None
        key, number = message.key(), message.partition()
        assert key is not None
        assert number is not None
        found[key.decode()] = number

    producer = Producer({"bootstrap.servers": bootstrap, **settings})
    for device in DEVICES:
        value = CODEC.encode("DspEvent", dsp_event(device_id=device, occurred_at=BASE_MS))
        producer.produce(DSP_EVENTS, value, device, on_delivery=delivered)
    assert producer.flush(30) == 0
    return found


def told(device: str, key: str, partition: int) -> tuple[str | None, str]:
    """Reason and sentence for a record that stands there."""
    value = CODEC.encode("DspEvent", dsp_event(device_id=device, occurred_at=BASE_MS))
    sample = Sample("", DSP_EVENTS, value, key.encode(), True, partition=partition)
    found = new_judge().judge(sample, BASE_MS)
    return found.reason, found.detail


@pytest.mark.usefixtures("fresh_topics")
def test_a_client_of_librdkafka_as_it_comes_is_told_which_setting_it_lacks(broker: Broker) -> None:
    """Its own partitioner is CRC32, and some devices are in the right place by chance."""
    astray = 0
    for device, number in places(broker.bootstrap_servers).items():
        reason, detail = told(device, device, number)
        if number == partition_of(device, PARTITIONS):
            assert reason is None
        else:
            astray += 1
            assert reason == "wrong-partition"
            for word in ("CRC32", "confluent-kafka", "partitioner=murmur2_random", "again"):
                assert word in detail
            assert f"belongs to partition {partition_of(device, PARTITIONS)}" in detail
    assert astray > 4


@pytest.mark.usefixtures("fresh_topics")
def test_with_that_setting_every_device_is_where_it_belongs(broker: Broker) -> None:
    """The setting that the sentence names is the one that mends it."""
    found = places(broker.bootstrap_servers, partitioner=PRODUCER_PARTITIONER)
    assert found == {device: partition_of(device, PARTITIONS) for device in DEVICES}


def test_a_key_in_another_spelling_is_told_apart_from_another_partitioner() -> None:
    """The partitioner hashes what it gets; so does that of a client that does neither."""
    device = DEVICES[0]
    home = partition_of(device, PARTITIONS)
    spelt = next(
        key
        for key in (device.lower(), f" {device}", f"{device} ", device.replace("DB", "db"))
        if partition_of(key, PARTITIONS) != home
    )
    assert "spelt otherwise" in told(device, spelt, partition_of(spelt, PARTITIONS))[1]
    sentences = {told(device, device, n)[1] for n in range(PARTITIONS) if n != home}
    assert any("murmur2 over the key, as Java does" in sentence for sentence in sentences)
