"""The expiry index: which rows hold something that ends first, in the order of time.

It stands beside the rows in the same write. Its time is when retention *began*, so another
retention needs no other index. Key: ``x``, eight bytes of that time, the Device ID.
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
"""Device -> when retention began for what of its row ends first, in milliseconds: as it was, and as
it is; none where there is no row."""


def moves(times: Times) -> dict[bytes, bytes | None]:
    """The changes of the index that go with changes of rows; a row whose time stays needs none."""
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
    """The same of stored rows, of those that are in ``after``."""
    return {device: (_begins(before[device]), _begins(state)) for device, state in after.items()}


def due(store: Reading, since: int, most: int, start: bytes | None) -> list[bytes]:
    """Up to ``most`` entries, from ``start`` on, of what began before or at ``since``, the first
    first."""
    last = PREFIX + (since + 1).to_bytes(_TIME, "big")
    found: list[bytes] = []
    for key, _ in store.scan(PREFIX, start):
        if key >= last or len(found) == most:
            break
        found.append(key)
    return found


def device_of(entry: bytes) -> DeviceId:
    """Whose entry it is."""
    return DeviceId(entry[len(PREFIX) + _TIME :].decode())


def entries(store: Reading) -> int:
    """How many rows the index has."""
    return sum(1 for _ in store.scan(PREFIX))


def _begins(state: bytes | None) -> int | None:
    return None if state is None else holds_from(state)


def _key(time: int, device: str) -> bytes:
    return PREFIX + time.to_bytes(_TIME, "big") + device.encode()
