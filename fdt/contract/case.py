"""Builds cases of the conformance kit: events about one device, with times in minutes."""

from __future__ import annotations

import base64
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from fdt.contract.kit import PARTITIONS, Json, answers
from projections.events import RECORDS
from schemas.codec import Codec
from schemas.identifiers import DeviceId, InvalidIdentifier
from schemas.partitioning import partition_of
from schemas.topics import DAY_MS, Source

DEVICE: Final = "00-DB-12-34-56-78-90-A0"
OTHER_DEVICE: Final = "00-DB-12-34-56-78-90-A1"
SUPPLIER: Final = "90-B3-D5-1F-30-01-00-00"
DCC: Final = "90-B3-D5-1F-30-00-00-02"
REQUEST: Final = f"{SUPPLIER}:{DCC}:1000"
LATER_REQUEST: Final = f"{SUPPLIER}:{DCC}:2000"
VERSION: Final = "0002012F"
LATER_VERSION: Final = "00020130"
HASH: Final = "AB" * 32
LATER_HASH: Final = "CD" * 32

BEGAN_MS: Final = 1_795_000_000_000
MINUTE_MS: Final = 60_000
DAY: Final = DAY_MS // MINUTE_MS
"""In minutes, as all times of a case."""

_CODEC: Final = Codec()
_OWN: Final = "own"


@dataclass(frozen=True, slots=True)
class Event:
    """One record; ``at`` is when it happened, ``heard`` when the broker received it, in minutes."""

    source: Source
    fields: Mapping[str, Any]
    at: float
    heard: float | None = None
    number: int | None = None
    """Number of the event, where several records are copies of one."""
    key: str | None = _OWN
    raw: bytes | None = None
    """Bytes instead of the fields' Avro."""
    is_null: bool = False
    headers: Mapping[str, str] | None = None
    astray: int = 0
    """By how many partitions it is off its own."""


@dataclass(frozen=True, slots=True)
class Case:
    """Some events, and the partition time at the end, in minutes after the beginning."""

    name: str
    about: str
    events: tuple[Event, ...]
    until: float = 60.0

    def as_json(self) -> Json:
        """The case with its answers."""
        offsets: Counter[tuple[str, int]] = Counter()
        records = []
        for number, event in enumerate(self.events):
            one = _record(event, number)
            place = (one["topic"], one["partition"])
            records.append(one | {"offset": offsets[place]})
            offsets[place] += 1
        now = BEGAN_MS + round(self.until * MINUTE_MS)
        return {
            "name": self.name,
            "about": self.about,
            "partitions": PARTITIONS,
            "partition_time": now,
            "records": records,
            "expected": answers(records, now),
        }


def dsp(at: float, code: str = "I99", **changes: Any) -> Event:
    """The DSP answered for the device."""
    fields = {
        "service_request_id": REQUEST,
        "service_reference_variant": "11.1",
        "device_type": "ESME",
        "firmware_version": VERSION,
        "image_hash": HASH,
    }
    return _event(Source.DSP, at, fields | {"code": code}, changes)


def csp(at: float, code: str, **changes: Any) -> Event:
    """A CSP said how far the image came."""
    fields = {
        "service_request_id": REQUEST,
        "device_type": None,
        "firmware_version": VERSION,
        "csp_region": "North",
        "comms_hub_id": None,
    }
    return _event(Source.CSP, at, fields | {"code": code}, changes)


def hub(at: float, code: str, result: int | None = None, **changes: Any) -> Event:
    """The Comms Hub passed on what the device said; without a request, unless it is given."""
    fields = dict.fromkeys(
        (
            *("service_request_id", "firmware_version", "running_version", "image_hash"),
            *("comms_hub_id", "message_code"),
        )
    )
    return _event(Source.COMMS_HUB, at, fields | {"code": code, "result_code": result}, changes)


def reset(at: float, **changes: Any) -> Event:
    """The DCC reset the item."""
    fields = {
        "service_request_id": REQUEST,
        "operator": "s.khan",
        "reason": "The hub was replaced",
        "incident_reference": "INC000000000042",
        "seen_event_id": None,
    }
    return _event(Source.SSMI, at, fields, changes)


def wrong(event: Event, **changes: Any) -> Event:
    """The same with another key, value or place."""
    return replace(event, **changes)


def wire(event: Event) -> bytes:
    """The bytes that a good record of this event has."""
    return _CODEC.encode(RECORDS[event.source], _fields(event, 0))


_PLACES: Final = ("heard", "number", "key", "headers", "astray")


def _event(source: Source, at: float, fields: Mapping[str, Any], changes: dict[str, Any]) -> Event:
    placed = {name: changes.pop(name) for name in _PLACES if name in changes}
    common: dict[str, Any] = {"device_id": DEVICE}
    if source is not Source.SSMI:
        common["detail"] = None
    return Event(source, {**common, **fields, **changes}, at, **placed)


def _fields(event: Event, number: int) -> Json:
    number = number if event.number is None else event.number
    return {
        "event_id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"fdt {number}")),
        **event.fields,
        "occurred_at": event.fields.get("occurred_at", BEGAN_MS + round(event.at * MINUTE_MS)),
    }


def _record(event: Event, number: int) -> Json:
    """A record without its offset."""
    fields = _fields(event, number)
    value = None if event.is_null else event.raw
    if value is None and not event.is_null:
        value = _CODEC.encode(RECORDS[event.source], fields)
    heard = event.at if event.heard is None else event.heard
    told = event.raw is None and not event.is_null
    return {
        "topic": event.source.topic,
        "partition": (_home(fields["device_id"]) + event.astray) % PARTITIONS,
        "received_at": BEGAN_MS + round(heard * MINUTE_MS) + 1000,
        "key": fields["device_id"] if event.key == _OWN else event.key,
        "headers": dict(event.headers or {}),
        "value": fields if told else None,
        "value_base64": None if value is None else base64.b64encode(value).decode(),
    }


def _home(device: str) -> int:
    try:
        return partition_of(DeviceId.parse(device), PARTITIONS)
    except InvalidIdentifier:
        return 0
