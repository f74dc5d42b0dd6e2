"""The expiry index: rows in the order in which something of them is due; the sweep reads it.

It is written together with the rows. Its time is the one at which retention *begins*, so that a
changed retention needs no new index. Key: ``x``, eight bytes of that time, the Device ID.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from projections.rows import holds_from
from schemas.identifiers import DeviceId
from storage.store import Reading

PREFIX: Final = b"x"
_TIME: Final = 8


Times = dict[str, tuple[int | None, int | None]]
"""Device -> the time at which retention begins for what of its row is due first, in milliseconds:
before and after a change; ``None`` without a row."""


def moves(times: Times) -> dict[bytes, bytes | None]:
    """The changes of the index for changes of rows; none for a row whose time is the same."""
    changes: dict[bytes, bytes | None] = {}
    for device, (old, new) in times.items():
        if old == new:
            continue
        if old is not None:
            changes[_key(old, device)] = None
        if new is not None:
            changes[_key(new, device)] = b""
    return changes


def times(before: Mapping[str, bytes | None], after: Mapping[str, bytes | None]) -> Times:
    """The times of the rows in ``after``, from stored rows."""
    return {device: (_begins(before[device]), _begins(state)) for device, state in after.items()}


def due(store: Reading, since: int, most: int, start: bytes | None) -> list[bytes]:
    """Up to ``most`` entries from ``start`` on, with times up to and including ``since``, in
    order."""
    last = PREFIX + (since + 1).to_bytes(_TIME, "big")
    found: list[bytes] = []
    for key, _ in store.scan(PREFIX, start):
        if key >= last or len(found) == most:
            break
        found.append(key)
    return found


def device_of(entry: bytes) -> DeviceId:
    """The device of an entry."""
    return DeviceId(entry[len(PREFIX) + _TIME :].decode())


def entries(store: Reading) -> int:
    """Number of entries in the index."""
    return sum(1 for _ in store.scan(PREFIX))


def _begins(state: bytes | None) -> int | None:
    return None if state is None else holds_from(state)


def _key(time: int, device: str) -> bytes:
    return PREFIX + time.to_bytes(_TIME, "big") + device.encode()
