"""Makes rows of one Arrow schema from the dead-letter topic, for :mod:`.exporting`.

A letter and the record that settles it are separate rows, as they are separate records: so no file
changes when a letter is settled later.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from confluent_kafka import Message

from fdt.analysis.exports.event_rows import TIME, source_name
from fdt.kafka.dead_letters import letter_of, settlement_of
from fdt.report import encoded, text_or_none
from projections.events import RECORDS
from schemas.codec import BadRecord, Codec
from schemas.identifiers import InvalidIdentifier, ServiceRequestId
from schemas.topics import TOPIC_SOURCES

SCHEMA: Final = pa.schema(
    [
        pa.field("partition", pa.int32(), nullable=False),
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("refused_at", TIME, nullable=False),
        pa.field("topic", pa.string()),
        pa.field("first_partition", pa.int32()),
        pa.field("first_offset", pa.int64()),
        pa.field("first_received_at", TIME),
        pa.field("reason", pa.string()),
        pa.field("detail", pa.string()),
        pa.field("device_id", pa.string()),
        pa.field("service_request_id", pa.string()),
        pa.field("owner", pa.string()),
        pa.field("cut_from", pa.int64()),
        pa.field("key", pa.string()),
        pa.field("key_base64", pa.string()),
        pa.field("value_base64", pa.string()),
        pa.field("settles_offset", pa.int64()),
        pa.field("settled", pa.string()),
    ]
)
"""``settles_offset`` and ``settled`` are of a record that settles the letter at that offset of its
partition; all else but its place and time is null then."""

_SETTLEMENTS: Final = "settlements"


class LetterRows:
    """The rows of the topic; with an ``owner``, only letters whose request is the owner's."""

    def __init__(self, codec: Codec, owner: str | None) -> None:
        self._codec = codec
        self._owner = owner

    def rows(self, messages: Sequence[Message]) -> Any:
        """An Arrow table of ``messages``, in their order."""
        rows = [self._row(message) for message in messages]
        if self._owner is not None:
            rows = [row for row in rows if row.get("owner") == self._owner]
        return pa.Table.from_pylist(rows, SCHEMA)

    def _row(self, message: Message) -> dict[str, Any]:
        settles = settlement_of(message)
        place = {"partition": message.partition(), "offset": message.offset()}
        if settles is not None:
            offset, settled = settles
            at = message.timestamp()[1]
            return {**place, "refused_at": at, "settles_offset": offset, "settled": settled}
        letter = letter_of(message)
        device, request = self._named(letter.topic, letter.value)
        return {
            **place,
            "refused_at": letter.refused_at,
            "topic": letter.topic,
            "first_partition": letter.original_partition,
            "first_offset": letter.original_offset,
            "first_received_at": letter.received_at,
            "reason": letter.reason,
            "detail": letter.detail,
            "device_id": device,
            "service_request_id": request,
            "owner": _owner(request),
            "cut_from": letter.cut,
            "key": text_or_none(letter.key),
            "key_base64": encoded(letter.key),
            "value_base64": encoded(letter.value),
        }

    def _named(self, topic: str, value: bytes | None) -> tuple[str | None, str | None]:
        """Device and request as the record names them, where it can be read."""
        try:
            fields = self._codec.decode(RECORDS[TOPIC_SOURCES[topic]], value)
        except BadRecord:
            return None, None
        return fields["device_id"], fields["service_request_id"]


def _owner(request: str | None) -> str | None:
    try:
        return None if request is None else str(ServiceRequestId.parse(request).owner)
    except InvalidIdentifier:
        return None


def places(rows: Any, day: str) -> Iterator[tuple[str, Any]]:
    """Letters by the source of what was refused, and settlements beside them."""
    for topic in sorted(TOPIC_SOURCES):
        letters = rows.filter(pc.fill_null(pc.equal(rows["topic"], topic), False))
        if letters.num_rows:
            yield f"dead-letters/{day}/source={source_name(topic)}", letters
    settlements = rows.filter(pc.is_null(rows["topic"]))
    if settlements.num_rows:
        yield f"dead-letters/{day}/source={_SETTLEMENTS}", settlements
