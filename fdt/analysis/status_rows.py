"""Reads the latest-status table from one partition of the status topic, up to an offset."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from fdt.analysis.cut import Span, cut
from fdt.analysis.reading import batches
from schemas.codec import Codec
from schemas.topics import CONTROL_KEY, STATUS

StatusRecord = tuple[int, str | None, bytes | None]
"""Offset, Device ID (none: a control record), and value (none: a device that is no more)."""


@dataclass(slots=True)
class StatusRows:
    """The rows of a partition, and its last control record."""

    rows: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    """Device ID -> offset and value of its last record."""
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
    bootstrap: str, codec: Codec, span: Span, told: Callable[[int], None] = lambda done: None
) -> StatusRows:
    """The last record of every device within ``span``, which begins where the partition does."""
    found, control = StatusRows(), None
    for offset, device, value in status_records(bootstrap, span, told):
        if device is None:
            control = value
        elif value is None:
            found.rows.pop(device, None)
        else:
            found.rows[device] = offset, value
    if control is not None:
        found.control = codec.decode("ProcessorControl", control)
    return found


def stored_rows(bootstrap: str, codec: Codec) -> Iterator[tuple[str, bytes]]:
    """(Device ID, stored row) of every device, one partition in memory at a time.

    Raises :class:`~fdt.errors.UserError` where the topic is missing or no broker answers.
    """
    for span in cut(bootstrap, [STATUS]).of(STATUS):
        for device, (_, value) in status_rows(bootstrap, codec, span).rows.items():
            yield device, codec.decode_field("FirmwareStatus", "state", value)


def status_records(
    bootstrap: str, span: Span, told: Callable[[int], None] = lambda done: None
) -> Iterator[StatusRecord]:
    """Every committed record of a span, in order; ``told`` is called with the offsets done."""
    for messages in batches(bootstrap, span):
        for message in messages:
            key, offset = message.key(), message.offset()
            assert key is not None
            assert offset is not None
            yield offset, None if key == CONTROL_KEY else key.decode(), message.value()
        told((messages[-1].offset() or 0) + 1 - span.start)
