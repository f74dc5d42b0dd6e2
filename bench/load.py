"""The events every measurement meets: a simulation plan of the wanted size, published at once."""

from __future__ import annotations

import time
from collections.abc import Iterable

from confluent_kafka import Producer

from schemas.codec import Codec
from schemas.partitioning import PRODUCER_PARTITIONER
from sources.plan import build_plan
from sources.schedule import Schedule
from sources.wire import Wire, wire

EVENTS_A_DEVICE = 5.25
"""What a plan makes of a device, measured over several seeds."""
DEVICES_A_REQUEST = 5_000
PARTITIONS = 4


def load(bootstrap: str, events: int) -> int:
    """Publish about ``events`` events and say how many there were."""
    devices = round(events / EVENTS_A_DEVICE)
    plan = build_plan(seed=1, requests=-(-devices // DEVICES_A_REQUEST), devices=devices)
    schedule = Schedule.starting(round(time.time() * 1000), 1_000_000.0)
    codec = Codec()
    send(bootstrap, (wire(p, schedule, codec, PARTITIONS) for p in plan.publications))
    return len(plan.publications)


def send(bootstrap: str, records: Iterable[Wire]) -> None:
    """Publish in order, acknowledged by the broker."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "partitioner": PRODUCER_PARTITIONER,
            "enable.idempotence": True,
            "linger.ms": 20,
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    for count, record in enumerate(records):
        producer.produce(
            record.topic, record.value, record.key, record.partition, headers=record.headers
        )
        if count % 5_000 == 0:
            producer.poll(0)
    if left := producer.flush(120):
        raise RuntimeError(f"{left} records were not acknowledged")
