"""A row as the public ``FirmwareStatus`` record.

The items are for any reader of the topic. ``state`` is the row itself, from which the processor
rebuilds its store and the read side makes its views.

:func:`status_body` encodes the Avro body itself, because it runs for every changed row: it takes a
fifth of the time of the generic encoder. :func:`status_record` gives the same fields for that
encoder, and a test compares the two byte for byte.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from projections.lifecycle import LIFECYCLE
from projections.rows import encode_row, native_code
from projections.state import Row
from projections.status_derivation import DerivedStatus, DerivedStatuses
from projections.views import evidence_of
from schemas.event_ids import event_id_text
from schemas.topics import SOURCE_TOPICS


def status_record(device_id: str, row: Row, found: DerivedStatuses) -> dict[str, Any]:
    """The fields of ``FirmwareStatus`` for a row and its derived statuses."""
    return {
        "device_id": device_id,
        "catalogue": row.catalogue,
        "items": [_item(item) for item in found.served],
        "state": encode_row(row),
        "device_types": row.device_types,
    }


def status_body(device_id: str, row: Row, found: DerivedStatuses, state: bytes) -> bytes:
    """The same as an Avro body; ``state`` is the stored row."""
    items = found.served
    parts = [_text(device_id), _known(row.catalogue)]
    if items:
        parts.append(_long(len(items)))
        parts += [_item_body(item) for item in items]
    parts += (b"\x00", _long(len(state)), state, _known(row.device_types))
    return b"".join(parts)


def _item(item: DerivedStatus) -> dict[str, Any]:
    evidence = evidence_of(item.evidence)
    return {
        "service_request_id": item.request_id,
        "device_type": item.device_type,
        "firmware_version": item.version,
        "status": item.status.label,
        "completion": item.status.completion.value,
        "code": native_code(item.evidence),
        "updated_at": item.evidence.at,
        "accepted_at": item.accepted_at,
        "evidence": {
            "topic": evidence.topic,
            "partition": evidence.partition,
            "offset": evidence.offset,
            "event_id": evidence.event_id,
        },
    }


def _item_body(item: DerivedStatus) -> bytes:
    evidence = item.evidence
    return b"".join(
        (
            _known(item.request_id),
            b"\x02",
            _known(item.device_type or ""),
            _known(item.version),
            _STATUS_AND_COMPLETION[item.status],
            b"\x02",
            _known(native_code(evidence)),
            _long(evidence.at),
            b"\x00" if item.accepted_at is None else b"\x02" + _long(item.accepted_at),
            _TOPIC[evidence.identity[16]],
            _long(evidence.partition),
            _long(evidence.offset),
            b"\x48",
            event_id_text(evidence.identity[:16]).encode(),
        )
    )


def _long(value: int) -> bytes:
    """Avro's zigzag variable-length integer, for values from zero up."""
    value <<= 1
    if value < 0x80:
        return _SHORT[value]
    found, bits = 0, 0
    while value >= 0x80:
        found |= (value & 0x7F | 0x80) << bits
        bits += 8
        value >>= 7
    return (found | value << bits).to_bytes(bits // 8 + 1, "little")


def _text(value: str) -> bytes:
    data = value.encode()
    return _long(len(data)) + data


@lru_cache(maxsize=1 << 14)
def _known(value: str) -> bytes:
    """A text that occurs in many rows (requests, versions, codes), encoded once."""
    return _text(value)


_SHORT: Final = [bytes([n]) for n in range(0x80)]
_STATUS_AND_COMPLETION: Final = {
    row.status: _text(row.label) + _text(row.completion.value) for row in LIFECYCLE
}
_TOPIC: Final = {int(source): _text(topic) for source, topic in SOURCE_TOPICS.items()}
