"""Correlation: which item a report belongs to, by its version and image (design §5, rule 5).

A report that names no request of its device belongs to the newest item that matches and was
accepted no later than the report. Without a match it stays unmatched; nothing is guessed. A report
that names its item may be about another version, and then proves nothing about the item (I15).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf
from typing import Final, Generic, Protocol, TypeVar

from projections.lifecycle import REJECTING, Status
from projections.rows import opens
from projections.state import Report

ACCEPTANCE_TOLERANCE_MS: Final = 3_600_000
"""A report may be this much older than the acceptance of its item (rule 5)."""

_ACTIVATED: Final = int(Status.FIRMWARE_ACTIVATED)


class Candidate(Protocol):
    """The fields of an item that decide whether a report belongs to it."""

    request_id: str
    reports: list[Report]
    """Reports known to be the item's own."""
    accepted_at: int | None
    """Milliseconds since 1970 UTC; ``None`` while only rejecting events are known."""
    version: str


Item = TypeVar("Item", bound=Candidate)


class Correlation(Generic[Item]):
    """Assigns reports without a request to the items of one device."""

    def __init__(self, newest_first: Sequence[Item]) -> None:
        self._newest_first = newest_first
        self._known: dict[str, set[str | None]] | None = None

    def _versions(self) -> dict[str, set[str | None]]:
        """Image hash -> versions in the device's DSP events; CSP events have no hash.

        Computed at the first use: few reports name only an image.
        """
        if self._known is None:
            self._known = {}
            for item in self._newest_first:
                for report in item.reports:
                    if opens(report) and report.image_hash is not None:
                        self._known.setdefault(report.image_hash, set()).add(report.version)
        return self._known

    def owner(self, report: Report) -> Item | None:
        """The item that ``report`` belongs to, or ``None``."""
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

    def contradicts(self, report: Report, item: Item) -> bool:
        """Whether the version or image in ``report`` is another than the item's."""
        spoken_of = version_of(report)
        if spoken_of is not None:
            return spoken_of != item.version
        if report.image_hash is None:
            return False
        versions = self._versions().get(report.image_hash)
        if versions is None:  # the report names another image than the item's
            return any(item.version in known for known in self._versions().values())
        return item.version not in versions

    def _wanted(self, report: Report) -> set[str | None] | None:
        """The versions that match a report; ``None`` if every version does."""
        version = version_of(report)
        if version is not None:
            return {version}
        if report.image_hash is not None:
            return self._versions().get(report.image_hash, set())
        return None


def version_of(report: Report) -> str | None:
    """The version that a report is about: for an activation the running version, if it is given;
    else the target. After a failed activation the old version runs, so the target counts."""
    if report.status == _ACTIVATED and report.running is not None:
        return report.running
    return report.version


def accepted_at(opening: Iterable[Report]) -> int | None:
    """When DSP or CSP first accepted an item, in milliseconds since 1970 UTC; ``None`` while they
    only rejected it."""
    times = [r.at for r in opening if r.status not in REJECTING]
    return min(times) if times else None


def newness(item: Candidate) -> tuple[float, str]:
    """Sort key of items by age: time of acceptance, then request ID."""
    return (-inf if item.accepted_at is None else item.accepted_at, item.request_id)
