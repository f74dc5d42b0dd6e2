"""One record of an event topic, from the topic or from an export; :func:`.fold` takes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.topics import TOPIC_SOURCES, Source


@dataclass(frozen=True, slots=True)
class Event:
    """One event and its place. Times are milliseconds since 1970 UTC."""

    topic: str
    partition: int
    offset: int
    received_at: int
    """When the broker received it."""
    fields: Mapping[str, Any]
    """The fields of its source's record (docs/topics.md); none if it could not be read."""
    refused: str | None = None
    """Reason code (docs/dead-letters.md), where it is known: from topics, of a record that cannot
    be read or has a wrong key; from an export, of every record that the processor refused."""
    first: tuple[int, int, int] | None = None
    """Partition, offset and time of receipt of the original, if this record was sent again."""

    @property
    def source(self) -> Source:
        """Who published it."""
        return TOPIC_SOURCES[self.topic]

    @property
    def event_id(self) -> str | None:
        """The same for all copies of an event."""
        return self._text("event_id")

    @property
    def device_id(self) -> str | None:
        """As it was published; an export has it in canonical form."""
        return self._text("device_id")

    @property
    def service_request_id(self) -> str | None:
        """None where the report names no request."""
        return self._text("service_request_id")

    @property
    def code(self) -> str | None:
        """The native code; a Reset has none."""
        return self._text("code")

    @property
    def occurred_at(self) -> int | None:
        """When it happened, by its source's clock."""
        found = self.fields.get("occurred_at")
        return None if found is None else int(found)

    def _text(self, name: str) -> str | None:
        found = self.fields.get(name)
        return None if found is None else str(found)
