"""The status topic's rows, at the cut and at the offsets that the copies have reached.

:mod:`.verifying` compares the copies with them. Only a hash of each row is kept, because there are
as many as devices and memory is limited; the few that differ are read again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from fdt.analysis.cut import Span
from fdt.analysis.status_rows import StatusRecord, status_records
from schemas.codec import Codec

RECORD: Final = "FirmwareStatus"
_MARK_BYTES: Final = 16
_OFFSET_BYTES: Final = 8

Part = Callable[[int, int], None]
"""Told how much is done, of how much, in one part of the work."""


def mark(state: bytes) -> bytes:
    """The hash that stands for a row."""
    return hashlib.blake2b(state, digest_size=_MARK_BYTES).digest()


class Held:
    """One device in the topic at an offset: ``kept`` is its record's offset and the hash of its
    row, or None where it has no row."""

    def __init__(self, rows: TopicRows, kept: bytes | None, *, moved: bool) -> None:
        self._rows = rows
        self._kept = kept
        self.moved = moved
        """Whether its row at the cut is another."""

    def has(self, state: bytes | None) -> bool:
        """Whether this is its row."""
        if state is None or self._kept is None:
            return state is None and self._kept is None
        return mark(state) == self._kept[_OFFSET_BYTES:]

    def state(self) -> bytes | None:
        """Its row, read again; None where the broker has deleted it."""
        if self._kept is None:
            return None
        return self._rows.state_at(int.from_bytes(self._kept[:_OFFSET_BYTES]))


class TopicRows:
    """The rows of ``span``, which begins where the partition does; also as they were at each of
    ``stops``, offsets within it."""

    def __init__(
        self, bootstrap: str, codec: Codec, span: Span, stops: Iterable[int], told: Part
    ) -> None:
        self._bootstrap = bootstrap
        self._codec = codec
        self._span = span
        self._kept: dict[str, bytes] = {}
        self._at: dict[int, dict[str, bytes]] = {}
        left = sorted(set(stops), reverse=True)
        for offset, device, value in self._records(told):
            while left and offset >= left[-1]:
                self._at[left.pop()] = dict(self._kept)
            if device is not None:
                self._keep(offset, device, value)
        self._at |= dict.fromkeys(left, self._kept)

    def last_records(self, told: Part) -> Iterator[tuple[str, bytes]]:
        """(Device ID, value) of the last record of each device, read again.

        A record that the broker has deleted meanwhile was followed by a newer one behind the cut.
        """
        for offset, device, value in self._records(told):
            if device is None or value is None:
                continue
            kept = self._kept.get(device)
            if kept is not None and kept[:_OFFSET_BYTES] == offset.to_bytes(_OFFSET_BYTES):
                yield device, value

    def at(self, offset: int) -> Mapping[str, bytes]:
        """What was kept at one of the stops."""
        return self._at[offset]

    def held(self, device: str, at: int) -> Held:
        """A device at one of the stops."""
        kept = self._at[at].get(device)
        return Held(self, kept, moved=self._kept.get(device) != kept)

    def state_at(self, offset: int) -> bytes | None:
        """The row of the record there."""
        one = Span(self._span.topic, self._span.partition, offset, offset + 1)
        values = [value for _, _, value in status_records(self._bootstrap, one)]
        return self._state(values[0]) if values and values[0] is not None else None

    def _records(self, told: Part) -> Iterator[StatusRecord]:
        size = self._span.size
        return status_records(self._bootstrap, self._span, lambda done: told(done, size))

    def _keep(self, offset: int, device: str, value: bytes | None) -> None:
        if value is None:
            self._kept.pop(device, None)
        else:
            self._kept[device] = offset.to_bytes(_OFFSET_BYTES) + mark(self._state(value))

    def _state(self, value: bytes) -> bytes:
        state: bytes = self._codec.decode_field(RECORD, "state", value)
        return state
