"""The latest-status table as one partition of the status topic holds it up to an offset."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from fdt.analysis.cut import Span
from fdt.analysis.reading import batches
from schemas.codec import Codec
from schemas.topics import CONTROL_KEY


@dataclass(slots=True)
class StatusRows:
    """What a partition's records come to."""

    rows: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    """Device ID -> offset and value of its last record."""
    at: dict[int, dict[str, tuple[int, bytes]]] = field(default_factory=dict)
    """The same as it was at each offset that was asked for."""
    control: dict[str, Any] = field(default_factory=dict)
    """The last control record; empty if there is none."""

    @property
    def covers(self) -> dict[str, int]:
        """Source topic -> first offset that is not in the rows."""
        return {each["topic"]: each["next_offset"] for each in self.control.get("positions", ())}

    @property
    def time(self) -> int:
        """The partition's time, by which items are due; 0 while there is none."""
        return int(self.control.get("partition_time") or 0)


def status_rows(
    bootstrap: str,
    codec: Codec,
    span: Span,
    told: Callable[[int], None] = lambda done: None,
    stops: Iterable[int] = (),
) -> StatusRows:
    """The last record of every device within ``span``, which begins where the partition does; also
    before each of the ``stops``, offsets within it."""
    found, control = StatusRows(), None
    left = sorted(set(stops), reverse=True)
    for messages in batches(bootstrap, span):
        for message in messages:
            while left and (message.offset() or 0) >= left[-1]:
                found.at[left.pop()] = dict(found.rows)
            key, value = message.key(), message.value()
            assert key is not None
            if key == CONTROL_KEY:
                control = value
            elif value is None:
                found.rows.pop(key.decode(), None)
            else:
                found.rows[key.decode()] = message.offset() or 0, value
        told((messages[-1].offset() or 0) + 1 - span.start)
    found.at |= dict.fromkeys(left, found.rows)
    if control is not None:
        found.control = codec.decode("ProcessorControl", control)
    return found
