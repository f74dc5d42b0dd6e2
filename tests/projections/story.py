"""What happened to one device, told event by event, and what is shown of it afterwards."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any, Final

from projections.events import RECORDS, Place, Reader
from projections.views import DeviceView, ItemView, TimelineEntry, device_view
from schemas.codec import Codec
from schemas.topics import DAY_MS, Source
from tests.support.rows import CATALOGUE, FOLD, row_of

DEVICE: Final = "00-DB-12-34-56-78-90-A0"
SUPPLIER: Final = "90-B3-D5-1F-30-01-00-00"
DCC: Final = "90-B3-D5-1F-30-00-00-02"
REQUEST: Final = f"{SUPPLIER}:{DCC}:1000"
LATER_REQUEST: Final = f"{SUPPLIER}:{DCC}:2000"
VERSION: Final = "0002012F"
LATER_VERSION: Final = "00020130"
HASH: Final = "AB" * 32
LATER_HASH: Final = "CD" * 32

START: Final = 1_795_000_000_000
MINUTE: Final = 60_000
_CODEC: Final = Codec()
_READER: Final = Reader(CATALOGUE, frozenset({"ESME", "GSME", "PPMID", "HCALCS"}), 2 * DAY_MS)


@dataclass(frozen=True)
class Event:
    """One event; ``at`` is when it happened and ``heard`` when the broker had it, in minutes."""

    source: Source
    fields: dict[str, Any]
    at: float | None = None
    heard: float | None = None
    event: int | None = None
    """Number of the event, where two records are of the same one."""


def dsp(code: str = "I99", **changes: Any) -> Event:
    """The DSP answered for the device."""
    return _event(
        Source.DSP,
        {
            "service_request_id": REQUEST,
            "service_reference_variant": "11.1",
            "device_type": "ESME",
            "firmware_version": VERSION,
            "image_hash": HASH,
            "code": code,
            "detail": None,
        },
        changes,
    )


def csp(code: str, **changes: Any) -> Event:
    """The CSP said how far the distribution came."""
    return _event(
        Source.CSP,
        {
            "service_request_id": REQUEST,
            "device_type": None,
            "firmware_version": VERSION,
            "csp_region": "North",
            "comms_hub_id": None,
            "code": code,
            "detail": None,
        },
        changes,
    )


def hub(code: str, result: int | None = None, **changes: Any) -> Event:
    """The Comms Hub reported; by itself it names no request, as in life."""
    return _event(
        Source.COMMS_HUB,
        {
            "service_request_id": None,
            "firmware_version": None,
            "running_version": None,
            "image_hash": None,
            "comms_hub_id": None,
            "code": code,
            "result_code": result,
            "message_code": None,
            "detail": None,
        },
        changes,
    )


def reset(**changes: Any) -> Event:
    """The Service Centre reset the item."""
    return _event(
        Source.SSMI,
        {
            "service_request_id": REQUEST,
            "operator": "centre-1",
            "reason": "the supplier disagrees",
            "incident_reference": "INC0001",
            "seen_event_id": None,
        },
        changes,
    )


def _event(source: Source, fields: dict[str, Any], changes: dict[str, Any]) -> Event:
    how = {name: changes.pop(name) for name in ("at", "heard", "event") if name in changes}
    assert changes.keys() <= fields.keys(), changes
    return Event(source, fields | changes, **how)


@dataclass(frozen=True)
class Shown:
    """What is shown of the device after a story."""

    view: DeviceView
    waiting: list[str] = field(default_factory=list)
    """Codes of the reports that wait for their request."""

    def item(self, request: str = REQUEST) -> ItemView:
        """The item of a request."""
        (found,) = [i for i in self.view.items if i.service_request_id == request]
        return found

    def status(self, request: str = REQUEST) -> str:
        """Its Processing Status."""
        return self.item(request).status.label

    def since(self, request: str = REQUEST) -> float:
        """Since when it holds, in minutes."""
        return (self.item(request).updated_at - START) / MINUTE

    def entry(self, code: str, request: str = REQUEST) -> TimelineEntry:
        """The timeline's entry of a code (with ``/result``)."""
        (found,) = [e for e in self.item(request).timeline if e.code == code]
        return found

    def marks(self, code: str, request: str = REQUEST) -> tuple[str, ...]:
        """Its marks."""
        return self.entry(code, request).marks


def after(*events: Event) -> Shown:
    """What is shown once these are folded; without other words ten minutes lie between them."""
    reports = [report_of(event, number) for number, event in enumerate(events)]
    view = device_view(DEVICE, row_of(reports, FOLD), CATALOGUE, 30 * DAY_MS)
    return Shown(view, [entry.code for entry in view.unmatched])


def report_of(event: Event, number: int) -> Any:
    """The report that the processor reads from an event, by way of its Avro record."""
    at = 10 * number if event.at is None else event.at
    heard = at + 1 if event.heard is None else event.heard
    identity = number if event.event is None else event.event
    record = event.fields | {
        "event_id": str(uuid.UUID(int=identity + 1)),
        "device_id": DEVICE,
        "occurred_at": START + round(at * MINUTE),
    }
    kind = RECORDS[event.source]
    fields = _CODEC.decode(kind, _CODEC.encode(kind, record))
    place = Place(0, number, START + round(heard * MINUTE))
    return _READER.report(event.source, fields, place)[1]
