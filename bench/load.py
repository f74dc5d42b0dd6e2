"""The events of the measurements: a simulation plan of the wanted size, published at once."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from runtime import kafka
from schemas.codec import Codec
from schemas.partitioning import partition_of
from schemas.topics import DSP_EVENTS
from sources.planning.plan import Plan, build_plan
from sources.schedule import Schedule
from sources.wire import Wire, wire

EVENTS_A_DEVICE = 5.25
"""What a plan makes of a device, measured over several seeds."""
DEVICES_A_REQUEST = 5_000
PARTITIONS = 4
_USER_ID = "90-B3-D5-1F-30-01-00-00"
DEVICES_OF_THE_LARGEST = 50_000


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was published. Of a plan also its expected end, and the time of its virtual zero
    (``base_ms``)."""

    events: int
    plan: Plan | None = None
    base_ms: int = 0


def load(bootstrap: str, events: int) -> Loaded:
    """Publish about ``events`` events of a plan."""
    devices = round(events / EVENTS_A_DEVICE)
    plan = build_plan(seed=1, requests=-(-devices // DEVICES_A_REQUEST), devices=devices)
    schedule = Schedule.starting(round(time.time() * 1000), 1_000_000.0)
    codec = Codec()
    send(bootstrap, (wire(p, schedule, codec, PARTITIONS) for p in plan.publications))
    return Loaded(len(plan.publications), plan, schedule.base_ms)


def one_each(devices: int) -> Iterator[Wire]:
    """One event about each of so many devices, in requests as large as they may be."""
    codec = Codec()
    for number in range(devices):
        told = accepted(number)
        device = told["device_id"]
        value = codec.encode("DspEvent", told)
        yield Wire(DSP_EVENTS, partition_of(device, PARTITIONS), device.encode(), value, [])


def accepted(number: int) -> dict[str, Any]:
    """The event of :func:`one_each` about a device, by its number."""
    return event(device_of(number), 77 + number // DEVICES_OF_THE_LARGEST)


def request_of(number: int) -> str:
    """The request of a device of :func:`one_each`."""
    found: str = accepted(number)["service_request_id"]
    return found


def device_of(number: int) -> str:
    """A reserved Device ID."""
    octets = (0x00, 0xDB, 0x12, 0x34, 0x60 | number >> 24, *number.to_bytes(4, "big")[1:])
    return "-".join(f"{octet:02X}" for octet in octets)


def event(device_id: str, request: int = 77) -> dict[str, Any]:
    """The DSP accepted a device, now."""
    return {
        "event_id": str(uuid.uuid4()),
        "service_request_id": f"{_USER_ID}:90-B3-D5-1F-30-00-00-02:{request}",
        "service_reference_variant": "11.1",
        "device_id": device_id,
        "device_type": "ESME",
        "firmware_version": "0002012F",
        "image_hash": None,
        "code": "I99",
        "detail": None,
        "occurred_at": int(time.time() * 1000),
    }


def send(bootstrap: str, records: Iterable[Wire]) -> None:
    """Publish in order, acknowledged by the broker."""
    settings = {"linger.ms": 20, "queue.buffering.max.messages": 1_000_000}
    producer = kafka.producer(bootstrap, "bench", settings)
    for count, record in enumerate(records):
        producer.produce(
            record.topic, record.value, record.key, record.partition, headers=record.headers
        )
        if count % 5_000 == 0:
            producer.poll(0)
    if left := producer.flush(120):
        raise RuntimeError(f"{left} records were not acknowledged")
