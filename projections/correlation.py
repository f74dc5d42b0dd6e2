"""Which item a report is about: by what it says of versions and images (design §5, rule 5).

One that names no request of its device belongs to the newest item that matches and was accepted no
later than the report; without a match it waits, and nothing is guessed. One that names its item may
still speak of another version than the item's, and then proves nothing of it (I15).
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
    """What of an item decides whether a report belongs to it."""

    request_id: str
    reports: list[Report]
    """Those known to be its own."""
    accepted_at: int | None
    """Milliseconds; none while only rejecting events are known."""
    version: str


Item = TypeVar("Item", bound=Candidate)


class Correlation(Generic[Item]):
    """The items of one device as reports without a request see them."""

    def __init__(self, newest_first: Sequence[Item]) -> None:
        self._newest_first = newest_first
        self._known: dict[str, set[str | None]] | None = None

    def _versions(self) -> dict[str, set[str | None]]:
        """Image hash -> versions that the device's DSP events give for it; a CSP tells no hash.

        Found once, when it is first asked for: few reports speak of an image only.
        """
        if self._known is None:
            self._known = {}
            for item in self._newest_first:
                for report in item.reports:
                    if opens(report) and report.image_hash is not None:
                        self._known.setdefault(report.image_hash, set()).add(report.version)
        return self._known

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

    def contradicts(self, report: Report, item: Item) -> bool:
        """Whether what ``report`` says of a version or an image excludes the item's."""
        spoken_of = version_of(report)
        if spoken_of is not None:
            return spoken_of != item.version
        if report.image_hash is None:
            return False
        versions = self._versions().get(report.image_hash)
        if versions is None:  # of another image than the one that is known for the item
            return any(item.version in known for known in self._versions().values())
        return item.version not in versions

    def _wanted(self, report: Report) -> set[str | None] | None:
        """The versions that match a report; none if any does."""
        version = version_of(report)
        if version is not None:
            return {version}
        if report.image_hash is not None:
            return self._versions().get(report.image_hash, set())
        return None


def version_of(report: Report) -> str | None:
    """The version that a report is about: of an activation what runs, if it says that; else the
    target. After a failed activation the old version runs, which says nothing of the target."""
    if report.status == _ACTIVATED and report.running is not None:
        return report.running
    return report.version


def accepted_at(opening: Iterable[Report]) -> int | None:
    """Milliseconds: when DSP or CSP first took an item on; none while they only rejected it."""
    times = [r.at for r in opening if r.status not in REJECTING]
    return min(times) if times else None


def newness(item: Candidate) -> tuple[float, str]:
    """Key of age: by time of acceptance; of items accepted at once the larger request ID."""
    return (-inf if item.accepted_at is None else item.accepted_at, item.request_id)
