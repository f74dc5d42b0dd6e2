"""Encodes planned records: bytes, key, partition and headers as published."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from schemas import headers as h
from schemas.codec import HEADER_LENGTH, Codec
from schemas.partitioning import partition_of
from schemas.registry import NAMESPACE
from schemas.topics import Source
from sources.planning.events import RECORDS, Malformed, PlannedEvent, Publication
from sources.schedule import Schedule

Headers = list[tuple[str, str | bytes | None]]

_home: Final = lru_cache(maxsize=1 << 16)(partition_of)
"""Partition of a Device ID, cached: the events of a campaign are about the same devices."""
_UNKNOWN_ID: Final = (0x7FFF_FFF0).to_bytes(4, "big")
_CE_SOURCES: Final = {
    Source.DSP: "/dsp",
    Source.CSP: "/csp",
    Source.COMMS_HUB: "/comms-hub",
    Source.SSMI: "/ssmi",
}


@dataclass(frozen=True, slots=True)
class Wire:
    """One record, ready to publish; ``partition`` is explicit, because a key's spelling varies."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers


def wire(publication: Publication, schedule: Schedule, codec: Codec, partitions: int) -> Wire:
    """``publication`` for a topic of ``partitions`` partitions; a copy has the same bytes."""
    content = publication.content
    if isinstance(content, Malformed):
        return _malformed(content, schedule, codec, partitions)
    occurred_at = schedule.occurred_at(content, publication.first)
    record = RECORDS[content.source]
    return Wire(
        content.source.topic,
        _home(content.device_id, partitions),
        str(content.fields["device_id"]).encode(),
        codec.encode(record, {**content.fields, "occurred_at": occurred_at}),
        _headers(content, content.event_id, record, occurred_at),
    )


def _malformed(content: Malformed, schedule: Schedule, codec: Codec, partitions: int) -> Wire:
    occurred_at = schedule.base_ms + content.occurred_ms
    claimed = occurred_at if content.occurred_at is None else content.occurred_at
    good = codec.encode(content.record, {**content.fields, "occurred_at": claimed})
    return Wire(
        content.source.topic,
        (_home(content.home, partitions) + content.astray) % partitions,
        content.key,
        _damaged(content, good),
        _headers(content, content.malformed_id, content.record, occurred_at),
    )


def _damaged(content: Malformed, good: bytes) -> bytes | None:
    match content.damage:
        case "none":
            return good
        case "null":
            return None
        case "unframed":
            return json.dumps(content.fields).encode()
        case "unknown-id":
            return good[:1] + _UNKNOWN_ID + good[HEADER_LENGTH:]
        case "truncated":
            return good[: len(good) // 2]
        case "trailing":
            return good + b"\x00\x01"


def _headers(content: PlannedEvent | Malformed, ce_id: str, record: str, time_ms: int) -> Headers:
    source = _CE_SOURCES[content.source]
    if content.source is Source.CSP and (region := content.fields.get("csp_region")):
        source = f"{source}/{region}"
    return [
        (h.CE_ID, ce_id),
        (h.CE_SOURCE, source),
        (h.CE_TIME, rfc3339(time_ms)),
        (h.CE_TYPE, f"{NAMESPACE}.{record}"),
    ]


def rfc3339(time_ms: int) -> str:
    """Milliseconds since 1970 as ``2026-11-23T06:00:00.000Z``."""
    seconds, milliseconds = divmod(time_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC).isoformat()[:19]}.{milliseconds:03d}Z"
