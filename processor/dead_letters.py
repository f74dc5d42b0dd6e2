"""Dead letters: the original bytes, and in headers where they stood and what was wrong."""

from __future__ import annotations

from processor.batch import SourceRecord
from processor.log import Outgoing
from schemas import headers
from schemas.codec import BadRecord
from schemas.topics import DEAD_LETTERS


def dead_letter(topic: str, partition: int, record: SourceRecord, bad: BadRecord) -> Outgoing:
    """The dead letter of a record that cannot be folded."""
    place = {
        headers.DL_TOPIC: topic,
        headers.DL_PARTITION: str(partition),
        headers.DL_OFFSET: str(record.offset),
        headers.DL_TIMESTAMP: str(record.timestamp),
        headers.DL_REASON: bad.reason,
        headers.DL_DETAIL: bad.detail,
    }
    original = [(name, value) for name, value in record.headers if name not in place]
    return Outgoing(
        DEAD_LETTERS,
        record.key,
        record.value,
        [*original, *((name, text.encode()) for name, text in place.items())],
    )
