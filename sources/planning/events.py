"""What the sources publish: planned events, malformed records, and their order.

Times here are *virtual* milliseconds from the plan's start; :mod:`sources.schedule` turns them into
wall-clock time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from schemas.topics import Source

RECORDS: Final[dict[Source, str]] = {
    Source.DSP: "DspEvent",
    Source.CSP: "CspEvent",
    Source.COMMS_HUB: "CommsHubEvent",
    Source.SSMI: "SsmiEvent",
}

Resend = Literal["accepted", "refused"]
"""The DSP's decision on a request for a device that it has accepted before."""

Damage = Literal["none", "null", "unframed", "unknown-id", "truncated", "trailing"]
"""The fault in the bytes of a malformed record; ``none`` if the fault is in its fields."""


@dataclass(frozen=True, slots=True, eq=False)
class PlannedEvent:
    """One valid event, compared by identity of the object.

    ``fields`` is the Avro record without ``occurred_at``, maybe with identifiers in another
    spelling; ``event_id`` and ``device_id`` are canonical.
    """

    source: Source
    event_id: str
    device_id: str
    fields: dict[str, Any]
    occurred_ms: int
    publish_ms: int
    skew_ms: int | None = None
    """Set for a wrong clock: ``occurred_at`` less the time of publication."""
    resend: Resend | None = None
    code: str | None = None
    """Native code in canonical form; ``None`` for the Service Centre."""
    result_code: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Malformed:
    """One record that must become a dead letter with ``reason``; ``ce_id`` in its headers
    identifies it."""

    malformed_id: str
    reason: str
    source: Source
    """Source to whose topic it is published."""
    key: bytes | None
    home: str
    """Canonical Device ID that decides its partition."""
    astray: bool
    """Whether it goes to the next partition instead: the topic needs two or more."""
    record: str
    fields: dict[str, Any]
    damage: Damage
    occurred_ms: int
    publish_ms: int
    occurred_at: int | None = None
    """An invalid event time, in wall-clock milliseconds."""


@dataclass(frozen=True, slots=True)
class Publication:
    """One record to be published, the ``ordinal``-th over all sources."""

    ordinal: int
    publish_ms: int
    content: PlannedEvent | Malformed
    first: int
    """Ordinal of the first publication of the same bytes."""

    @property
    def is_copy(self) -> bool:
        """Whether the same bytes were published before."""
        return self.first != self.ordinal
