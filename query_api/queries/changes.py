"""How far a caller has seen a request: the cursor behind ``?changed_since=``.

It holds the status topic and, for each of its partitions, the offset up to which the view was
applied that the answer was read from. An entry of the view says where it was last put, so what was
put behind the cursor is what the caller has not seen as it is. Servers apply the topic in batches
of their own: an entry counts as put at the end of its batch, so one may be listed again that has
not changed, and none is missed, whichever server is asked next.
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
"""Characters; a partition takes about seven."""
_VERSION: Final = b"\x02"


class ForeignCursor(ValueError):
    """A cursor that was not given out here, or is of another status topic."""


class _Content(msgspec.Struct, array_like=True):
    topic: bytes
    offsets: list[int]


_decode = msgspec.msgpack.Decoder(_Content).decode


@dataclass(frozen=True, slots=True)
class Seen:
    """Up to where each partition of a status topic was seen."""

    topic: bytes
    """Digest of the broker's id of the topic: one that was created anew begins at 0 again."""
    offsets: tuple[int, ...]

    def has(self, changed: Changed) -> bool:
        """Whether an entry that was put there was seen as it is."""
        partition, position = changed
        return position <= self.offsets[partition]

    def and_then(self, now: Seen) -> Seen:
        """What was seen after an answer from ``now``, which may be of a server that is behind.

        Raises :class:`ForeignCursor` if the two are of different topics.
        """
        if self.topic != now.topic or len(self.offsets) != len(now.offsets):
            raise ForeignCursor("it is of another status topic: leave it out to begin anew")
        return Seen(self.topic, tuple(map(max, self.offsets, now.offsets)))


def seen_of(reading: Reading) -> Seen:
    """Up to where the view of a snapshot is applied."""
    meta = reading.get(META_KEY)
    assert meta is not None, "a view has its meta record from the start"
    topic = blake2b(decode_meta(meta).topic_id.encode(), digest_size=6).digest()
    held = marks(reading)
    return Seen(topic, tuple(held[number].next_offset for number in sorted(held)))


def cursor(seen: Seen) -> str:
    """The opaque text that a caller sends back."""
    content = msgspec.msgpack.encode(_Content(seen.topic, list(seen.offsets)))
    return base64url.encode(_VERSION + content)


def seen_in(text: str) -> Seen:
    """What stands behind a cursor; :class:`ForeignCursor`."""
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
