"""Stand-ins for what pages do not use: the audit log and the publisher of Resets."""

from __future__ import annotations

from typing import Any

from query_api.audit.entry import AuditEntry
from query_api.audit.reading import Question
from query_api.resets.publishing import NotDurable, Place


class MemoryLog:
    """Holds nothing."""

    def newest(self, question: Question, most: int = 0) -> list[AuditEntry]:
        """Nothing."""
        return []


class NoPublisher:
    """Takes nothing."""

    def publish(self, event: dict[str, Any]) -> Place:
        """Never durable."""
        raise NotDurable("nothing is published here")
