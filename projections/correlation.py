"""Which item a report belongs to that names no request of its device (design §5, rule 5).

The newest item that matches and was accepted no later than the report. Nothing is guessed: a report
without a match waits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from math import inf
from typing import Final, Generic, Protocol, TypeVar

from projections.lifecycle import REJECTING
from projections.state import Report

ACCEPTANCE_TOLERANCE_MS: Final = 3_600_000
"""A report may be this much older than the acceptance of its item (rule 5)."""


class Candidate(Protocol):
    """What of an item decides whether a report belongs to it."""

    request_id: str
    accepted_at: int | None
    """Milliseconds; none while only rejecting events are known."""
    version: str


Item = TypeVar("Item", bound=Candidate)


class Correlation(Generic[Item]):
    """The items of one device as reports without a request see them."""

    def __init__(self, newest_first: Sequence[Item], opening: Iterable[Report]) -> None:
        self._newest_first = newest_first
        self._opening = opening

    @cached_property
    def _versions(self) -> dict[str, set[str | None]]:
        """Image hash -> versions that the device's DSP events give for it; a CSP tells no hash."""
        versions: dict[str, set[str | None]] = {}
        for report in self._opening:
            if report.image_hash is not None:
                versions.setdefault(report.image_hash, set()).add(report.version)
        return versions

    def owner(self, report: Report) -> Item | None:
        """The item that ``report`` belongs to, or none."""
        wanted = self._wanted(report)
        latest_acceptance = report.at + ACCEPTANCE_TOLERANCE_MS
        for item in self._newest_first:
            if (
                item.accepted_at is not None
                and item.accepted_at <= latest_acceptance
                and (wanted is None or item.version in wanted)
            ):
                return item
        return None

    def _wanted(self, report: Report) -> set[str | None] | None:
        """The versions that match a report; none if any does."""
        if report.version is not None:
            return {report.version}
        if report.image_hash is not None:
            return self._versions.get(report.image_hash, set())
        return None


def accepted_at(opening: Iterable[Report]) -> int | None:
    """Milliseconds: when DSP or CSP first took an item on; none while they only rejected it."""
    return min([r.at for r in opening if r.status not in REJECTING], default=None)


def newness(item: Candidate) -> tuple[float, str]:
    """Key of age: by time of acceptance; of items accepted at once the larger request ID."""
    return (-inf if item.accepted_at is None else item.accepted_at, item.request_id)
