"""Makes rows of one Arrow schema from records of an event topic, for :mod:`.exporting`.

All sources have the same columns, so that all files open as one table. Identifiers are text in
canonical form, or as published where they are not valid; times are milliseconds, UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from confluent_kafka import Message

from fdt.analysis.exports.columns import ColumnDecoder, Decoded
from processor.partition.dead_letters import place_of
from processor.safety.poison_probe import Record
from projections.events import RECORDS, YEAR_2000_MS, YEAR_2101_MS, Place
from schemas import headers
from schemas.codec import BadRecord, Codec
from schemas.event_ids import event_id_text, parse_event_id
from schemas.identifiers import (
    DeviceId,
    FirmwareVersion,
    ImageHash,
    InvalidIdentifier,
    ServiceRequestId,
)
from schemas.topics import TOPIC_SOURCES

TIME: Final = pa.timestamp("ms", tz="UTC")
_PUBLISHED: Final = (
    *("event_id", "device_id", "service_request_id", "owner", "device_type", "firmware_version"),
    *("service_reference_variant", "csp_region", "comms_hub_id", "running_version", "image_hash"),
    *("code", "message_code", "detail", "operator", "reason", "incident_reference"),
    "seen_event_id",
)
SCHEMA: Final = pa.schema(
    [
        pa.field("topic", pa.string(), nullable=False),
        pa.field("partition", pa.int32(), nullable=False),
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("received_at", TIME, nullable=False),
        pa.field("first_partition", pa.int32()),
        pa.field("first_offset", pa.int64()),
        pa.field("first_received_at", TIME),
        *(pa.field(name, pa.string()) for name in _PUBLISHED),
        pa.field("result_code", pa.int64()),
        pa.field("occurred_at", TIME),
        pa.field("problem", pa.string()),
    ]
)
"""``first_…`` say where a record stood that was sent again; ``problem`` why one could not be
read."""

_EUI: Final = "[0-9A-F]{2}(-[0-9A-F]{2}){7}"
_OWNER_LENGTH: Final = 23
_UUID: Final = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def _uuid(text: str) -> str:
    return event_id_text(parse_event_id(text))


_IDENTIFIERS: Final[dict[str, tuple[str, Callable[[str], str]]]] = {
    "event_id": (_UUID, _uuid),
    "seen_event_id": (_UUID, _uuid),
    "device_id": (_EUI, DeviceId.parse),
    "comms_hub_id": (_EUI, DeviceId.parse),
    "service_request_id": (f"{_EUI}:{_EUI}:[1-9][0-9]{{0,18}}", ServiceRequestId.parse),
    "firmware_version": ("[0-9A-F]{8}", FirmwareVersion.parse),
    "running_version": ("[0-9A-F]{8}", FirmwareVersion.parse),
    "image_hash": ("[0-9A-F]{64}", ImageHash.parse),
}
"""Field -> pattern of its canonical form, and the parser of other spellings."""


class EventRows:
    """The rows of one topic; with an ``owner``, only those whose request is the owner's."""

    def __init__(self, codec: Codec, topic: str, owner: str | None) -> None:
        self._topic = topic
        self._owner = owner
        self._decoder = ColumnDecoder(codec, RECORDS[TOPIC_SOURCES[topic]])

    def rows(self, messages: Sequence[Message]) -> Any:
        """An Arrow table of ``messages``, of one partition and in their order."""
        columns = self.published([message.value() for message in messages])
        number = messages[0].partition()
        count = len(messages)
        columns["topic"] = pa.repeat(pa.scalar(self._topic), count)
        columns["partition"] = pa.repeat(pa.scalar(number, pa.int32()), count)
        columns["offset"] = pa.array([message.offset() for message in messages], pa.int64())
        times = [message.timestamp()[1] for message in messages]
        columns["received_at"] = pa.array(times, TIME)
        columns |= self._first_places(messages)
        table = pa.table([columns[name] for name in SCHEMA.names], schema=SCHEMA)
        if self._owner is None:
            return table
        return table.filter(pc.equal(table["owner"], self._owner))

    def published(self, values: Sequence[bytes | None]) -> dict[str, Any]:
        """The columns of what was published."""
        decoded = self._decoder.decode(values)
        columns = {name: pa.nulls(len(values), pa.string()) for name in _PUBLISHED}
        columns["result_code"] = pa.nulls(len(values), pa.int64())
        columns |= {name: canonical(name, column) for name, column in decoded.fields.items()}
        columns["owner"] = _owners(columns["service_request_id"])
        columns["occurred_at"], columns["problem"] = _times(decoded)
        return columns

    def _first_places(self, messages: Sequence[Message]) -> dict[str, Any]:
        """Where records stood that were sent again; those are few."""
        places = [_first_place(self._topic, message) for message in messages]
        fields = {
            "first_partition": (pa.int32(), "partition"),
            "first_offset": (pa.int64(), "offset"),
            "first_received_at": (TIME, "received_at"),
        }
        if not any(places):
            return {name: pa.nulls(len(places), kind) for name, (kind, _) in fields.items()}
        return {
            name: pa.array([place and getattr(place, field) for place in places], kind)
            for name, (kind, field) in fields.items()
        }


def source_name(topic: str) -> str:
    """The source of an event topic, as folders are named: ``dsp``, ``csp``, ``comms-hub``,
    ``ssmi``."""
    return topic.removeprefix("firmware.").removesuffix(".v1")


def canonical(field: str, column: Any) -> Any:
    """A column of identifiers in canonical form; any other column as it is."""
    if field not in _IDENTIFIERS:
        return column
    pattern, parse = _IDENTIFIERS[field]
    odd = pc.invert(pc.fill_null(pc.match_substring_regex(column, f"^{pattern}$"), True))
    if not pc.any(odd).as_py():
        return column
    mended = [_parsed(parse, text) for text in column.filter(odd).to_pylist()]
    return pc.replace_with_mask(column, odd, pa.array(mended, pa.string()))


def _parsed(parse: Callable[[str], str], text: str) -> str:
    try:
        return str(parse(text))
    except InvalidIdentifier:
        return text


def _owners(requests: Any) -> Any:
    """The originators of valid request IDs."""
    valid = pc.match_substring_regex(requests, f"^{_EUI}:{_EUI}:[0-9]+$")
    owners = pc.utf8_slice_codeunits(requests, 0, _OWNER_LENGTH)
    return pc.if_else(pc.fill_null(valid, False), owners, pa.scalar(None, pa.string()))


def _times(decoded: Decoded) -> tuple[Any, Any]:
    """``occurred_at`` and ``problem``; a time before 2000 or after 2100 is null, and a problem."""
    times = decoded.fields["occurred_at"]
    right = pc.and_(pc.greater_equal(times, YEAR_2000_MS), pc.less(times, YEAR_2101_MS))
    wrong = pc.fill_null(pc.invert(right), False)
    problems = pc.if_else(wrong, pa.scalar("invalid-occurred-at"), decoded.problems)
    kept = pc.if_else(wrong, pa.scalar(None, pa.int64()), times)
    return kept.cast(TIME), problems


def _first_place(topic: str, message: Message) -> Place | None:
    """The place that ``resent_`` headers name, if they are there and valid."""
    told = message.headers()
    if not told or not any(each[0] == headers.RESENT_TOPIC for each in told):
        return None
    record = Record(None, None, message.offset() or 0, message.timestamp()[1], tuple(told))  # type: ignore[arg-type]
    try:
        return place_of(topic, message.partition() or 0, record)
    except BadRecord:
        return None
