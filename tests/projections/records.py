"""Records about one device, drawn so that they meet, collide and contradict."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hypothesis import strategies as st

from projections.events import Place, Reader
from projections.state import Report
from projections.views import DeviceView, ItemView, TimelineEntry
from schemas.topics import DAY_MS, TOPIC_SOURCES, Source
from tests.projections import reference
from tests.projections.reference import HOUR, Record
from tests.support.rows import CATALOGUE, DEVICE_TYPES

DEVICE: Final = "00-DB-12-34-56-78-90-A0"
NOW: Final = 1_795_000_000_000
DCC: Final = "90-B3-D5-1F-30-00-00-02"
REQUESTS: Final = [f"90-B3-D5-1F-30-01-00-00:{DCC}:{n}" for n in (1, 2, 3, 10)]
FOREIGN: Final = f"90-B3-D5-1F-30-01-00-00:{DEVICE}:7"
"""The request ID of an activation (11.3): no item of the device has it."""
VERSIONS: Final = ["00000001", "00000002"]
HASHES: Final = ["AA" * 32, "BB" * 32]
MESSAGES: Final = {"8F8A": "0128", "8F72": "00CE", "8F89": "0128", "CS06": "0012"}
READER: Final = Reader(CATALOGUE, DEVICE_TYPES, 2 * DAY_MS)

_FINAL: Final = ("Firmware Activated", "Reset by DCC")
_KINDS: Final = [
    kind
    for kind, status in sorted(reference.CODES.items(), key=str)
    for _ in range(1 if status in _FINAL else 4)
]
"""Final statuses are drawn less often: they hide what the others do."""
_SOURCES: Final = {"dsp": Source.DSP, "csp": Source.CSP, "comms-hub": Source.COMMS_HUB}
_CLOCKS: Final = [0, 0, 0, -1, -HOUR, HOUR, HOUR + 1, -2 * DAY_MS, -2 * DAY_MS - 1, 5 * DAY_MS]
"""How far an event's time lies from its received time, at and beyond what is believed."""


@dataclass(frozen=True)
class World:
    """What the records of one log may speak of."""

    requests: list[str]
    versions: list[str]
    hashes: list[str | None]


WIDE: Final = World(REQUESTS, VERSIONS, [None, *HASHES])
NARROW: Final = World(REQUESTS[:1], VERSIONS[:1], [None])
"""One request, one version: much is said again, and a cap has to leave much of it out."""


Choose = Callable[[Sequence[Any]], Any]
"""Takes one of several: drawn by hypothesis, or by a generator with a seed."""


def event(choose: Choose, world: World, device: str = DEVICE) -> tuple[str, dict[str, Any]]:
    """A source and the fields of one of its events, the time of it left out."""
    source, code, result = choose(_KINDS)
    fields: dict[str, Any] = {
        "event_id": str(uuid.UUID(int=choose(range(31)))),
        "device_id": device,
        "detail": None,
    }
    named = choose(world.requests)
    if source == "ssmi":
        asked = {"operator": "op", "reason": "why", "incident_reference": "INC1"}
        return source, fields | asked | {"service_request_id": named, "seen_event_id": None}
    fields |= {"code": code, "firmware_version": choose(world.versions)}
    if source == "comms-hub":
        fields |= {"result_code": result, "message_code": MESSAGES.get(str(code))}
        return source, fields | _hub_fields(choose, world, named, code)
    fields["service_request_id"] = named
    if source == "csp":
        typed = choose([None, "ESME"])
        return source, fields | {"device_type": typed, "csp_region": "North", "comms_hub_id": None}
    described = {"device_type": "GSME", "service_reference_variant": "11.1"}
    return source, fields | described | {"image_hash": choose(world.hashes)}


def _hub_fields(choose: Choose, world: World, named: str, code: str | None) -> dict[str, Any]:
    """Target, running version and image contradict each other, and the request, as often as not."""
    known = world.versions if code == "GCS38" else [None, *world.versions]
    return {
        "service_request_id": choose([None, None, named, FOREIGN]),
        "firmware_version": choose([None, *world.versions]),
        "running_version": choose(known),
        "image_hash": choose(world.hashes),
        "comms_hub_id": None,
    }


@st.composite
def logs(draw: st.DrawFn, max_size: int = 40) -> list[Record]:
    """Up to ``max_size`` records; one in a few is a copy of an earlier one, received later."""
    world, found = draw(st.sampled_from([WIDE, NARROW])), list[Record]()

    def choose(of: Sequence[Any]) -> Any:
        return draw(st.sampled_from(of))

    for offset in range(draw(st.integers(0, max_size))):
        received_at = NOW + draw(st.integers(0, 60)) * HOUR
        if found and draw(st.integers(0, 4)) == 0:
            source, fields = draw(st.sampled_from([(r.source, r.fields) for r in found]))
        else:
            source, fields = event(choose, world)
            fields = fields | {"occurred_at": received_at + draw(st.sampled_from(_CLOCKS))}
        found.append(Record(source, fields, received_at, offset))
    return found


def report_of(record: Record) -> Report:
    """The report that the processor reads from a record."""
    place = Place(0, record.offset, record.received_at)
    _, report = READER.report(_SOURCES.get(record.source, Source.SSMI), record.fields, place)
    return report


def answer_of(view: DeviceView) -> reference.Answer:
    """What is shown of a device, in the words of the reference."""
    return reference.Answer(
        tuple(_item(item) for item in view.items), tuple(_entry(entry) for entry in view.unmatched)
    )


def _item(view: ItemView) -> reference.Item:
    evidence = view.evidence
    return reference.Item(
        request_id=view.service_request_id,
        device_type=view.device_type,
        version=view.firmware_version,
        status=view.status.label,
        completion=view.completion.value,
        updated_at=view.updated_at,
        evidence=(_source(evidence.topic), evidence.event_id, evidence.offset),
        timeline=tuple(_entry(entry) for entry in view.timeline),
        not_kept=view.not_kept,
    )


def _entry(entry: TimelineEntry) -> reference.Entry:
    return reference.Entry(
        source=_source(entry.evidence.topic),
        event_id=entry.evidence.event_id,
        status=entry.status.label if entry.status is not None else None,
        marks=frozenset(entry.marks),
        occurred_at=entry.occurred_at,
        received_at=entry.received_at,
        offset=entry.evidence.offset,
        copies=entry.copies,
    )


def _source(topic: str) -> str:
    return TOPIC_SOURCES[topic].name.lower().replace("_", "-")
