"""Where an item stands: status, evidence and *since*, and which loose reports belong to it.

Design §5, rules 3 to 5 and 8. Pure functions over a row; nothing here is stored.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from projections.lifecycle import REJECTING, STAGE, Completion, Status
from projections.state import Item, Report, Row
from schemas.topics import Source

ACCEPTANCE_TOLERANCE_MS: Final = 3_600_000
"""A report may be this much older than the acceptance of its item (rule 5)."""

_IN_PROGRESS: Final = {int(s) for s in Status if s.completion is Completion.IN_PROGRESS}
_SUCCESS: Final = _IN_PROGRESS | {int(Status.FIRMWARE_ACTIVATED)}
_RESET: Final = int(Status.RESET_BY_DCC)
_ACTIVATED: Final = int(Status.FIRMWARE_ACTIVATED)
_STATUS: Final = {int(status): status for status in Status}
_NO_RUN: Final[frozenset[bytes]] = frozenset()


@dataclass(slots=True)
class Standing:
    """One item with the reports that count for it."""

    request_id: str
    reports: list[Report]
    """Its own, and the loose ones assigned to it."""
    device_type: str | None
    version: str
    image_hash: str | None
    accepted_at: int | None
    """Milliseconds; none while only rejecting events are known."""
    status: Status
    evidence: Report
    run: frozenset[bytes]
    """Identities of the last unbroken run of the status."""
    assigned: list[Report] = field(default_factory=list)
    """The loose ones among ``reports``."""


def standings(row: Row) -> tuple[list[Standing], list[Report]]:
    """Every item of a row, newest first, and the reports that match none of them."""
    items = [_identify(item) for item in row.items]
    if len(items) > 1:
        items.sort(key=_newness, reverse=True)
    unmatched = _assign(items, row.loose) if row.loose else []
    for item in items:
        _decide(item)
    return items, unmatched


def _newness(item: Standing) -> tuple[bool, int, str]:
    """Newest by time of acceptance; of items accepted at once the larger request ID."""
    return (item.accepted_at is not None, item.accepted_at or 0, item.request_id)


def _identify(item: Item) -> Standing:
    """What the item is (rule 8) and when it was accepted, from its own DSP and CSP events."""
    opening = [r for r in item.reports if r.opens]
    first = opening[0] if len(opening) == 1 else min(opening, key=_precedence)
    accepted = [r.at for r in opening if r.status not in REJECTING]
    return Standing(
        request_id=item.request_id,
        reports=item.reports,
        device_type=first.device_type or _first_type(opening),
        version=first.version or "",
        image_hash=first.image_hash,
        accepted_at=min(accepted) if accepted else None,
        status=Status.ACCEPTED_BY_DSP,
        evidence=first,
        run=_NO_RUN,
    )


def _precedence(report: Report) -> tuple[int, int, bytes]:
    """DSP before CSP, then the earliest."""
    return (report.identity[16], report.at, report.identity)


def _first_type(opening: list[Report]) -> str | None:
    typed = [r for r in opening if r.device_type is not None]
    if not typed:
        return None
    return min(typed, key=_precedence).device_type


def _assign(newest_first: list[Standing], loose: list[Report]) -> list[Report]:
    """Give each loose report to its item (rule 5); the rest are unmatched."""
    versions = _versions_by_hash(newest_first)
    unmatched = []
    for report in loose:
        owner = _owner(report, newest_first, versions)
        if owner is None:
            unmatched.append(report)
        else:
            owner.assigned.append(report)
    for item in newest_first:
        if item.assigned:
            item.reports = [*item.reports, *item.assigned]
    return unmatched


def _versions_by_hash(items: list[Standing]) -> dict[str, set[str]]:
    """Image hash -> versions that the device's DSP events give for it."""
    versions: dict[str, set[str]] = {}
    for item in items:
        for report in item.reports:
            if report.source == Source.DSP and report.image_hash and report.version:
                versions.setdefault(report.image_hash, set()).add(report.version)
    return versions


def _owner(
    report: Report, newest_first: list[Standing], versions: dict[str, set[str]]
) -> Standing | None:
    if report.source == Source.SSMI:
        return None  # a Reset names its item, and waits for it
    wanted: set[str] | None
    if report.version is not None:
        wanted = {report.version}
    elif report.image_hash is not None:
        wanted = versions.get(report.image_hash, set())
    else:
        wanted = None
    latest_acceptance = report.at + ACCEPTANCE_TOLERANCE_MS
    for item in newest_first:
        if item.accepted_at is None:
            return None  # only rejected ones follow
        if item.accepted_at <= latest_acceptance and (wanted is None or item.version in wanted):
            return item
    return None


def _decide(item: Standing) -> None:
    """Status and evidence: the two final states before all else, then rules 3 and 4."""
    statuses = [r.status for r in item.reports]
    final = _RESET if _RESET in statuses else _ACTIVATED if _ACTIVATED in statuses else None
    if final is not None:
        _settle(item, [r for r in item.reports if r.status == final])
        return
    stages = [STAGE[status] for status in statuses]
    top = max(stages)
    contenders = [r for r, stage in zip(item.reports, stages, strict=True) if stage == top]
    if len(contenders) > 1:
        contenders = _last_run(contenders)
    _settle(item, contenders)


def _last_run(contenders: list[Report]) -> list[Report]:
    """The last unbroken run of one status within a stage (rule 4)."""
    contenders.sort(key=lambda r: (r.at, r.status in _SUCCESS, r.identity))
    start = len(contenders) - 1
    while start and contenders[start - 1].status == contenders[-1].status:
        start -= 1
    return contenders[start:]


def _settle(item: Standing, run: list[Report]) -> None:
    evidence = run[0] if len(run) == 1 else min(run, key=lambda r: (r.at, r.identity))
    item.evidence = evidence
    item.status = _STATUS[evidence.status]
    item.run = frozenset([r.identity for r in run])
