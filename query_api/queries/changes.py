"""The cursor of ``?changed_since=``: up to where a caller has seen a request.

It contains the identity of the status topic and, for each partition, the offset up to which the
view was applied when the answer was read. An index entry stores the end offset of the batch that
last wrote it; it is new to the caller if that is beyond the cursor's offset. Each server applies
the topic in batches of its own: so an unchanged entry may be listed again, and no change is missed,
whichever server is asked next.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

import msgspec

from query_api.view.layout import META_KEY, Changed, decode_meta
from query_api.view.status_view import marks
from query_api.web import base64url
from storage.store import Reading

LONGEST_CURSOR: Final = 4_000
"""Characters; each partition adds about seven."""
_VERSION: Final = b"\x02"


class ForeignCursor(ValueError):
    """The text is no cursor of this API, or belongs to another status topic."""


class _Content(msgspec.Struct, array_like=True):
    topic: bytes
    offsets: list[int]


_decode = msgspec.msgpack.Decoder(_Content).decode


@dataclass(frozen=True, slots=True)
class Seen:
    """The offsets up to which a caller has seen the partitions of a status topic."""

    topic: bytes
    """Digest of the broker's topic ID: a topic that was created again starts at offset 0."""
    offsets: tuple[int, ...]

    def has(self, changed: Changed) -> bool:
        """Whether the caller has seen an entry that was last written at ``changed``."""
        partition, position = changed
        return position <= self.offsets[partition]

    def and_then(self, now: Seen) -> Seen:
        """The cursor after an answer that was read at ``now``, maybe from a server that lags.

        Raises :class:`ForeignCursor` if the two are of different topics.
        """
        if self.topic != now.topic or len(self.offsets) != len(now.offsets):
            raise ForeignCursor("it is of another status topic: leave it out to begin anew")
        return Seen(self.topic, tuple(map(max, self.offsets, now.offsets)))


def seen_of(reading: Reading) -> Seen:
    """The offsets up to which the view is applied in a snapshot."""
    meta = reading.get(META_KEY)
    assert meta is not None, "a view has its meta record from the start"
    topic = blake2b(decode_meta(meta).topic_id.encode(), digest_size=6).digest()
    held = marks(reading)
    return Seen(topic, tuple(held[number].next_offset for number in sorted(held)))


def cursor(seen: Seen) -> str:
    """The opaque cursor of an answer."""
    content = msgspec.msgpack.encode(_Content(seen.topic, list(seen.offsets)))
    return base64url.encode(_VERSION + content)


def seen_in(text: str) -> Seen:
    """The content of a cursor; :class:`ForeignCursor`."""
    try:
        data = base64url.decode(text)
        content = _decode(data[1:])
        seen = Seen(content.topic, tuple(content.offsets))
        if cursor(seen) != text:
            raise ForeignCursor("of another version, or another spelling")
        return seen
    except (ValueError, msgspec.MsgspecError) as error:
        raise ForeignCursor(
            "not one that this server gave out: send changes_cursor of an earlier answer as it "
            "came, or leave it out"
        ) from error
