"""UUIDs of events: 16 bytes in rows, 36 characters on the wire and for people.

Not in :mod:`schemas.identifiers`, because this module is compiled: every event has an ID.
"""

from __future__ import annotations

import uuid

from schemas.identifiers import InvalidIdentifier


def parse_event_id(text: str) -> bytes:
    """The 16 bytes of an event's UUID, or :class:`InvalidIdentifier`."""
    if len(text) == 36 and text[8] == text[13] == text[18] == text[23] == "-":
        try:
            data = bytes.fromhex(text.replace("-", ""))
        except ValueError:
            data = b""
        if len(data) == 16:
            return data
    try:
        return uuid.UUID(text.strip()).bytes
    except ValueError:
        raise InvalidIdentifier(
            "event ID", "a UUID, for example 7f1d6c1e-0d0c-4b1f-9a70-3f3d6a1f2b11"
        ) from None


def event_id_text(data: bytes) -> str:
    """An event's UUID in canonical lower case."""
    text = data.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
