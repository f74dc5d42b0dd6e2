"""One digest for a table: equal tables have equal ones; proofs and replays print it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def digest(rows: Iterable[tuple[str, bytes]]) -> tuple[int, str]:
    """The number of (Device ID, row) pairs, and SHA-256 over them in their order.

    Lengths are hashed too, so that no two tables look alike.
    """
    found, count = hashlib.sha256(), 0
    for device, state in rows:
        found.update(b"%s %d " % (device.encode(), len(state)))
        found.update(state)
        count += 1
    return count, found.hexdigest()
