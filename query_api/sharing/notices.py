"""A notice, as a record of ``firmware.read-side.v1``: an end, or the use of a rate limit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from query_api.identity.endings import FOR_EVER, Ending
from schemas.codec import BadRecord, Codec

RECORD: Final = "ReadSideNotice"
_ENDED: Final = "ended"
_TAKEN: Final = "taken"


@dataclass(frozen=True, slots=True)
class Taken:
    """Requests that a read side granted to a user."""

    limit: str
    user: bytes
    """Digest of the user's subject."""
    count: int


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice of one read side."""

    read_side: str
    """Name of the publishing process; the record's key."""
    told: Ending | Taken

    def encoded(self, codec: Codec) -> bytes:
        """The record's value."""
        fields = _of_ending(self.told) if isinstance(self.told, Ending) else _of_taken(self.told)
        return codec.encode(RECORD, fields)


def decoded(codec: Codec, key: bytes | None, value: bytes | None) -> Notice:
    """The notice in a record; :class:`~schemas.codec.BadRecord`."""
    fields = codec.decode(RECORD, value)
    try:
        subject = bytes.fromhex(fields["subject"])
    except ValueError as error:
        raise BadRecord("bad-value", "subject: not a digest in hexadecimal") from error
    return Notice((key or b"").decode(errors="replace"), _told(fields, subject))


def _told(fields: Mapping[str, Any], subject: bytes) -> Ending | Taken:
    kind, until, by = fields["kind"], fields["needed_until"], fields["signed_in_by"]
    if kind == _ENDED and until is not None:
        return Ending(subject, until / 1000, FOR_EVER if by is None else by / 1000)
    if kind == _TAKEN and fields["limit"] is not None:
        return Taken(fields["limit"], subject, fields["count"])
    raise BadRecord("bad-value", f"kind: {kind} is not a notice of this release")


def _of_ending(ending: Ending) -> dict[str, Any]:
    by = ending.signed_in_by
    return {
        "kind": _ENDED,
        "subject": ending.what.hex(),
        "signed_in_by": None if by == FOR_EVER else round(by * 1000),
        "needed_until": round(ending.needed_until * 1000),
        "limit": None,
        "count": 0,
    }


def _of_taken(taken: Taken) -> dict[str, Any]:
    return {
        "kind": _TAKEN,
        "subject": taken.user.hex(),
        "signed_in_by": None,
        "needed_until": None,
        "limit": taken.limit,
        "count": taken.count,
    }
