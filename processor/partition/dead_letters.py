"""Dead letters: the original bytes, with the original place and the reason in headers.

A dead letter that is sent again names its original place in ``resent_`` headers. That place is used
everywhere, so that the record folds as if it had been valid at first (design §5, rule 9).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from processor.batch import SourceRecord
from processor.partition.status_log import Outgoing
from projections.events import Place
from schemas import headers
from schemas.codec import BadRecord
from schemas.topics import DEAD_LETTERS, LARGEST_DEAD_LETTER

RESENT: Final = (
    headers.RESENT_TOPIC,
    headers.RESENT_PARTITION,
    headers.RESENT_OFFSET,
    headers.RESENT_TIMESTAMP,
)
_RESENT: Final = frozenset(RESENT)

DETAIL_KEPT: Final = 2_000
"""Characters kept of a refusal's sentence. It may quote the publisher, and the dead letter with the
original must fit into a message."""

ORIGINAL_KEPT: Final = LARGEST_DEAD_LETTER - 64 * 1024
"""Bytes up to which a record is kept whole. A larger one can pass a source topic's limit if it is
compressed."""

_PART_KEPT: Final = 64 * 1024
"""Bytes kept of the key and of the value of a larger record; its headers are dropped."""

_NUMBER: Final = re.compile(rb"[0-9]{1,18}")
_LARGEST_PARTITION: Final = 2**31 - 1


def place_of(topic: str, partition: int, record: SourceRecord) -> Place:
    """Where and when a record was first received; :class:`BadRecord` if its ``resent_`` headers are
    invalid."""
    for name, _ in record.headers:
        if name in _RESENT:
            return _resent(topic, record)
    return Place(partition, record.offset, record.timestamp)


def dead_letter(topic: str, partition: int, record: SourceRecord, bad: BadRecord) -> Outgoing:
    """The dead letter of a record that cannot be folded, at its original place."""
    try:
        stood = place_of(topic, partition, record)
    except BadRecord:
        stood = Place(partition, record.offset, record.timestamp)
    place = {
        headers.DL_TOPIC: topic,
        headers.DL_PARTITION: str(stood.partition),
        headers.DL_OFFSET: str(stood.offset),
        headers.DL_TIMESTAMP: str(stood.received_at),
        headers.DL_REASON: bad.reason,
        headers.DL_DETAIL: bad.detail[:DETAIL_KEPT],
    }
    original = [
        (name, value) for name, value in record.headers if name not in place and name not in RESENT
    ]
    key, value = record.key, record.value
    if (size := _size(key, value, original)) > ORIGINAL_KEPT:
        place[headers.DL_CUT] = str(size)
        key, value, original = key and key[:_PART_KEPT], value and value[:_PART_KEPT], []
    told = [(name, text.encode(errors="replace")) for name, text in place.items()]
    return Outgoing(DEAD_LETTERS, key, value, [*original, *told])


def _size(
    key: bytes | None, value: bytes | None, listed: Sequence[tuple[str, bytes | None]]
) -> int:
    """Upper bound of the bytes that a record takes in a message."""
    size = len(key or b"") + len(value or b"")
    for name, text in listed:
        size += len(name.encode()) + len(text or b"") + 10
    return size


def _resent(topic: str, record: SourceRecord) -> Place:
    named = [(name, value) for name, value in record.headers if name in _RESENT]
    told = {name: value or b"" for name, value in named}
    if len(named) != len(RESENT) or len(told) != len(RESENT):
        raise _bad("they are not four, each once")
    was, *numbers = [told[name] for name in RESENT]
    if was != topic.encode():
        raise _bad("they name another topic")
    if not all(map(_NUMBER.fullmatch, numbers)):
        raise _bad("they are not a topic and three whole numbers")
    place = Place(*map(int, numbers))
    if place.partition > _LARGEST_PARTITION or place.received_at > record.timestamp:
        raise _bad("they name a place that cannot have been")
    return place


def _bad(why: str) -> BadRecord:
    return BadRecord(
        "invalid-resent-headers",
        f"The resent_ headers cannot be used, {why}: only 'fdt dead-letters resend' sets them.",
    )
