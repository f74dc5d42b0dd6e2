"""Reads the events of a range in the order of receipt, decoded; for ``fdt replay`` without a
table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from typing import Any

from fdt.analysis.replays.ranges import Range
from processor.batch import SourceRecord
from processor.config import ProcessorConfig, codec_of
from processor.rebuild.event_topics import KafkaEvents
from projections.events import RECORDS
from schemas.codec import BadRecord, Codec
from schemas.identifiers import DeviceId, InvalidIdentifier, ServiceRequestId
from schemas.topics import TOPIC_SOURCES


@dataclass(frozen=True, slots=True)
class Event:
    """One record of an event topic."""

    topic: str
    partition: int
    record: SourceRecord
    fields: dict[str, Any] | None
    problem: str | None
    """Why it could not be read."""


def events(
    config: ProcessorConfig,
    found: Sequence[Range],
    device: DeviceId | None,
    request: ServiceRequestId | None,
) -> Iterator[Event]:
    """Every event of the ranges, or of one device, of one request; oldest first.

    A record that cannot be read has no request, and the device of its key.
    """
    codec = codec_of(config)
    for topic, number, record in merge(*(_of(config, one) for one in found), key=_received):
        if device is not None and _key(record) != device:
            continue
        event = _decoded(codec, topic, number, record)
        if request is None or _request(event) == request:
            yield event


def _of(config: ProcessorConfig, one: Range) -> Iterator[tuple[str, int, SourceRecord]]:
    span = one.span
    for record in KafkaEvents(config, span.partition)(span.topic, span.start, span.end):
        yield span.topic, span.partition, record


def _received(found: tuple[str, int, SourceRecord]) -> int:
    return found[2].timestamp


def _decoded(codec: Codec, topic: str, number: int, record: SourceRecord) -> Event:
    try:
        fields = codec.decode(RECORDS[TOPIC_SOURCES[topic]], record.value)
    except BadRecord as bad:
        return Event(topic, number, record, None, str(bad))
    return Event(topic, number, record, fields, None)


def _key(record: SourceRecord) -> str | None:
    try:
        return DeviceId.parse((record.key or b"").decode())
    except (UnicodeDecodeError, InvalidIdentifier):
        return None


def _request(event: Event) -> str | None:
    named = (event.fields or {}).get("service_request_id")
    try:
        return None if named is None else ServiceRequestId.parse(named)
    except InvalidIdentifier:
        return None
