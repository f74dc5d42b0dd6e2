"""What the sources publish: planned events, malformed records, and the order in which they go out.

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
"""How the DSP decides a request for a device that it has taken on before."""

Damage = Literal["none", "null", "unframed", "unknown-id", "truncated", "trailing"]
"""What is wrong with the bytes of a malformed record; ``none`` if its fields are to blame."""


@dataclass(frozen=True, slots=True, eq=False)
class PlannedEvent:
    """One valid event; two are the same only if they are the same object.

    ``fields`` is the Avro record without ``occurred_at``, possibly in untidy spelling; ``event_id``
    and ``device_id`` are canonical.
    """

    source: Source
    event_id: str
    device_id: str
    fields: dict[str, Any]
    occurred_ms: int
    publish_ms: int
    skew_ms: int | None = None
    """A wrong clock: ``occurred_at`` is this far from the moment of publication."""
    resend: Resend | None = None
    code: str | None = None
    """Native code in tidy spelling; None for the Service Centre, which has none."""
    result_code: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Malformed:
    """One record that must end as a dead letter with ``reason``, told by the ``ce_id`` header."""

    malformed_id: str
    reason: str
    source: Source
    """Whose topic it goes to."""
    key: bytes | None
    home: str
    """Canonical Device ID whose partition it goes to."""
    astray: bool
    """Sent to the partition after that one instead: the topic needs two or more."""
    record: str
    fields: dict[str, Any]
    damage: Damage
    occurred_ms: int
    publish_ms: int
    occurred_at: int | None = None
    """An impossible event time, in wall-clock milliseconds."""


@dataclass(frozen=True, slots=True)
class Publication:
    """One record as it goes out, the ``ordinal``-th of all sources together."""

    ordinal: int
    publish_ms: int
    content: PlannedEvent | Malformed
    first: int
    """Ordinal of the first publication of the same bytes."""

    @property
    def is_copy(self) -> bool:
        """Whether the same bytes went out before."""
        return self.first != self.ordinal
