"""The conformance kit: cases of input records, with the answers that the rules give.

A case is language-neutral JSON; docs/conformance/README.md explains its fields. The answers come
from the processor's own fold and the read side's own view of it, over all records of the case at
once: the order of the records does not matter.
"""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from fdt.settings import DEVICE_TYPES
from processor.batch import Frame
from processor.partition.folding import Folded, Folding
from processor.safety.poison_probe import Record
from projections.catalogue import load_catalogue
from projections.events import Reader
from projections.retention import RETENTION_MS
from projections.rows import decode_row
from projections.views import DeviceView, Evidence, ItemView, TimelineEntry, device_view
from schemas import headers
from schemas.codec import Codec
from schemas.topics import DAY_MS, DEAD_LETTERS

PARTITIONS: Final = 4
CLOCK_SKEW_PAST_MS: Final = 2 * DAY_MS

Json = dict[str, Any]


def answers(records: Sequence[Mapping[str, Any]], now: int) -> Json:
    """What is shown of all devices of ``records``, and which of them are refused, at the partition
    time ``now``, in milliseconds since 1970 UTC."""
    found = _Found()
    for one in folded(records, now):
        for device, state in sorted(one.rows.items()):
            if state is not None:
                row = decode_row(state)
                found.add(device_view(device, row, load_catalogue(), RETENTION_MS))
        for out in one.outgoing:
            if out.topic == DEAD_LETTERS:
                found.refused.append(_refusal(out.headers or []))
    return found.as_json()


def folded(records: Sequence[Mapping[str, Any]], now: int) -> Iterator[Folded]:
    """What the processor makes of ``records``, for each partition number that has any."""
    reader = Reader(load_catalogue(), frozenset(DEVICE_TYPES), CLOCK_SKEW_PAST_MS, RETENTION_MS)
    codec = Codec()
    for number, frames in sorted(_frames(records).items()):
        folding = Folding(number, PARTITIONS, reader, codec)
        yield folding.fold(frames, lambda _: 0, lambda devices: [None for _ in devices], now=now)


class _Found:
    """The answers, as they are collected."""

    def __init__(self) -> None:
        self.items: list[Json] = []
        self.unmatched: list[Json] = []
        self.refused: list[Json] = []

    def add(self, view: DeviceView) -> None:
        """All that is shown of a device."""
        self.items += map(_item, view.items)
        self.unmatched += [{"device_id": view.device_id, **_entry(e)} for e in view.unmatched]

    def as_json(self) -> Json:
        """Items newest first for each device; refusals by their place."""
        by_place = sorted(
            self.refused, key=lambda one: (one["topic"], one["partition"], one["offset"])
        )
        return {"items": self.items, "unmatched": self.unmatched, "dead_letters": by_place}


def _frames(records: Sequence[Mapping[str, Any]]) -> dict[int, list[Frame]]:
    placed: defaultdict[tuple[int, str], list[Record]] = defaultdict(list)
    for one in records:
        placed[one["partition"], one["topic"]].append(_record(one))
    found: defaultdict[int, list[Frame]] = defaultdict(list)
    for (number, topic), held in sorted(placed.items()):
        held.sort(key=lambda record: record.offset)
        found[number].append(Frame(topic, held[0].offset, held))
    return found


def _record(one: Mapping[str, Any]) -> Record:
    key, value = one["key"], one["value_base64"]
    return Record(
        None if key is None else key.encode(),
        None if value is None else base64.b64decode(value),
        one["offset"],
        one["received_at"],
        tuple((name, text.encode()) for name, text in one["headers"].items()),
    )


def _item(item: ItemView) -> Json:
    return {
        "service_request_id": item.service_request_id,
        "device_id": item.device_id,
        "device_type": item.device_type,
        "firmware_version": item.firmware_version,
        "status": item.status.label,
        "completion": item.completion.value,
        "code": item.reason.code,
        "updated_at": item.updated_at,
        "available_until": item.available_until,
        "evidence": _evidence(item.evidence),
        "timeline": [_entry(entry) for entry in item.timeline],
    }


def _entry(entry: TimelineEntry) -> Json:
    return {
        "status": None if entry.status is None else entry.status.label,
        "marks": list(entry.marks),
        "code": entry.code,
        "occurred_at": entry.occurred_at,
        "received_at": entry.received_at,
        "copies": entry.copies,
        "evidence": _evidence(entry.evidence),
    }


def _evidence(evidence: Evidence) -> Json:
    return {
        "topic": evidence.topic,
        "partition": evidence.partition,
        "offset": evidence.offset,
        "event_id": evidence.event_id,
    }


def _refusal(listed: Sequence[tuple[str, str | bytes | None]]) -> Json:
    told = {name: text.decode() for name, text in listed if isinstance(text, bytes)}
    return {
        "topic": told[headers.DL_TOPIC],
        "partition": int(told[headers.DL_PARTITION]),
        "offset": int(told[headers.DL_OFFSET]),
        "reason": told[headers.DL_REASON],
    }
