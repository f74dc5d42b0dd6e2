"""Events for the simulator: few devices, much contention, malformed records, copies."""

from __future__ import annotations

import uuid
from functools import cache
from random import Random
from typing import Any

from processor.partition.dead_letters import RESENT
from projections.events import RECORDS
from projections.retention import RETENTION_MS
from schemas.codec import Codec
from schemas.partitioning import partition_of
from schemas.topics import Source
from tests.simulation.broker import Broker, Record

PARTITIONS = 2
CODEC = Codec()
OWNER = "90-B3-D5-1F-30-01-00-00:90-B3-D5-1F-30-00-00-02"
DEVICES = {
    number: [
        device
        for device in (f"00-DB-12-34-56-78-90-{n:02X}" for n in range(64))
        if partition_of(device, PARTITIONS) == number
    ][:4]
    for number in range(PARTITIONS)
}
CODES: dict[Source, list[tuple[str, int | None]]] = {
    Source.DSP: [("I99", None), ("E110101", None)],
    Source.CSP: [("APPROVED", None), ("NOT-ACCEPTED", None), ("N60", None), ("N61", None)],
    Source.COMMS_HUB: [("8F8A", 0), ("8F89", 3), ("8F72", None), ("CS06", 0), ("CS06", 2)],
    Source.SSMI: [("", None)],
}


class Events:
    """Publishes what a seed wants."""

    def __init__(self, rng: Random, broker: Broker, retention_ms: int) -> None:
        self._rng = rng
        self._retention_ms = retention_ms
        self._broker = broker
        self._published: list[tuple[Source, int, Record]] = []

    def publish(self) -> None:
        """One record: a new event, a copy of one, one sent again, or a malformed one."""
        roll = self._rng.random()
        if roll < 0.1 and self._published:
            self._again(*self._rng.choice(self._published), resent=False)
        elif roll < 0.15 and self._published:
            # What is resent was never folded before, where things are forgotten.
            resent = self._retention_ms == RETENTION_MS
            self._again(*self._rng.choice(self._published), resent=resent)
        elif roll < 0.25:
            self._malformed()
        else:
            self._event()

    def _event(self) -> None:
        source = self._rng.choices(list(Source), [4, 4, 6, 1])[0]
        number = self._rng.randrange(PARTITIONS)
        device = self._rng.choice(DEVICES[number])
        value = CODEC.encode(RECORDS[source], self._fields(source, device))
        record = self._broker.publish(source.topic, number, device.encode(), value)
        self._published.append((source, number, record))

    def _fields(self, source: Source, device: str) -> dict[str, Any]:
        rng = self._rng
        code, result = rng.choice(CODES[source])
        request = f"{OWNER}:{rng.randrange(1, 3)}"
        if source is Source.COMMS_HUB and rng.random() < 0.4:
            request = None  # type: ignore[assignment]
        known = {
            "event_id": str(uuid.UUID(int=rng.getrandbits(128))),
            "service_request_id": request,
            "device_id": device,
            "device_type": "ESME",
            "firmware_version": "0002012F",
            "csp_region": rng.choice(["North", "South"]),
            "service_reference_variant": "11.1",
            "code": code,
            "result_code": result,
            "operator": "operator",
            "reason": "asked",
            "incident_reference": "INC1",
            "occurred_at": self._broker.now - rng.randrange(min(3_600_000, self._retention_ms)),
        }
        return {name: known.get(name) for name in _names(source)}

    def _again(self, source: Source, number: int, record: Record, *, resent: bool) -> None:
        """A copy; one sent again stands at its original place."""
        headers: list[tuple[str, bytes]] = []
        if resent:
            place = (source.topic, str(number), str(record.offset), str(record.timestamp))
            headers = [(name, text.encode()) for name, text in zip(RESENT, place, strict=True)]
        self._broker.publish(source.topic, number, record.key, record.value, headers)

    def _malformed(self) -> None:
        source, number = self._rng.choice(list(Source)), self._rng.randrange(PARTITIONS)
        if self._rng.random() < 0.3:  # a device of another partition
            device = self._rng.choice(DEVICES[1 - number])
            value = CODEC.encode(RECORDS[source], self._fields(source, device))
            self._broker.publish(source.topic, number, device.encode(), value)
        else:
            self._broker.publish(source.topic, number, b"key", self._rng.randbytes(9))


@cache
def _names(source: Source) -> tuple[str, ...]:
    from schemas.registry import current_schemas

    return tuple(f["name"] for f in current_schemas()[RECORDS[source]][1]["fields"])
