"""Status derivation: the status, evidence and *since* of each item of a row.

Design §5, rules 1 to 4 and 8; rule 5 is :mod:`projections.correlation`. These are pure functions of
a row; their results are not stored in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

import msgspec

from projections.correlation import Correlation, accepted_at, newness
from projections.lifecycle import NO_STATUS, STAGE, Completion, Status
from projections.rows import opens, order, reports_of
from projections.state import Report, Row
from schemas.topics import Source

_SUCCESS: Final = {int(s) for s in Status if s.completion is not Completion.FAILED}
_RESET: Final = int(Status.RESET_BY_DCC)
_ACTIVATED: Final = int(Status.FIRMWARE_ACTIVATED)
_STATUS: Final = {int(status): status for status in Status}
_NONE: Final[frozenset[bytes]] = frozenset()
_DSP: Final = int(Source.DSP)


class DerivedStatus(msgspec.Struct, gc=False):
    """One item with its records and derived status."""

    request_id: str
    reports: list[Report]
    """Its own records, those of the Comms Hub that name it, and those assigned to it."""
    device_type: str | None
    version: str
    accepted_at: int | None
    """Milliseconds since 1970 UTC; ``None`` while only rejecting events are known."""
    left_out: int
    """Records of the request and of the device's Comms Hub that are counted and not kept."""
    status: Status
    evidence: Report
    run: frozenset[bytes] = _NONE
    """Identities of the records in the last unbroken run of the status (rule 4)."""
    assigned: frozenset[bytes] = _NONE
    """Identities of the reports that do not name the request."""
    refuted: frozenset[bytes] = _NONE
    """Identities of the activations of another version than the item's (I15)."""

    def status_of(self, report: Report) -> int:
        """The status that ``report`` sets for this item, or 0."""
        return NO_STATUS if report.identity in self.refuted else report.status


class DerivedStatuses(msgspec.Struct, gc=False, frozen=True):
    """The statuses of a row."""

    items: list[DerivedStatus]
    """Newest first."""
    unmatched: list[Report]
    """Reports without an item, in the order of receipt."""
    copies: dict[bytes, int]
    """Identity -> number of further records of the same event, without zeros."""
    left_out: int
    """Records of the device's Comms Hub that are counted and not kept."""

    @property
    def served(self) -> list[DerivedStatus]:
        """The items whose device type is known; the others are kept and not shown (rule 8)."""
        return [item for item in self.items if item.device_type is not None]


def derive_statuses(row: Row) -> DerivedStatuses:
    """The items of a row, and the reports that match none of them."""
    copies, counts = _copies(reports_of(row))
    items: list[DerivedStatus] = []
    waiting: list[Report] = []
    left_out = len(row.hub.left_out)
    for held in row.items:
        own = _counting(held.records.kept, counts)
        opening = [r for r in own if opens(r)]
        if opening:
            not_kept = len(held.records.left_out) + left_out
            items.append(_described(held.request_id, own, opening, not_kept))
        else:
            waiting += own
    if len(items) > 1:
        items.sort(key=newness, reverse=True)
    correlation = Correlation(items)
    hub = _counting(row.hub.kept, counts)
    if hub:
        waiting += _assign(items, hub, correlation)
    if len(waiting) > 1:
        waiting.sort(key=order)
    for item in items:
        _decide(item, correlation)
    return DerivedStatuses(items, waiting, copies, left_out)


def _copies(held: list[Report]) -> tuple[dict[bytes, int], dict[bytes, Report] | None]:
    """Number of copies by identity; and the record of each event that counts, ``None`` if there are
    no copies (rule 1)."""
    if len({r.identity for r in held}) == len(held):
        return {}, None
    times = Counter([r.identity for r in held])
    counts: dict[bytes, Report] = {}
    for report in held:
        other = counts.setdefault(report.identity, report)
        if order(report) < order(other):
            counts[report.identity] = report
    return {identity: n - 1 for identity, n in times.items() if n > 1}, counts


def _counting(held: list[Report], counts: dict[bytes, Report] | None) -> list[Report]:
    return held if counts is None else [r for r in held if counts[r.identity] is r]


def _described(
    request_id: str, own: list[Report], opening: list[Report], left_out: int
) -> DerivedStatus:
    """The item with its description (rule 8) and time of acceptance, from its own DSP and CSP
    events."""
    first = _first(opening)
    return DerivedStatus(
        request_id=request_id,
        reports=own,
        device_type=first.device_type or _first_type(opening),
        version=first.version or "",
        accepted_at=accepted_at(opening),
        left_out=left_out,
        status=Status.ACCEPTED_BY_DSP,
        evidence=first,
    )


def _first(opening: list[Report]) -> Report:
    """DSP before CSP, then the earliest."""
    by_dsp = [r for r in opening if r.identity[16] == _DSP] or opening
    return by_dsp[0] if len(by_dsp) == 1 else min(by_dsp, key=_precedence)


def _precedence(report: Report) -> tuple[int, int, bytes]:
    """DSP before CSP, then the earliest."""
    return (report.source, report.at, report.identity)


def _first_type(opening: Iterable[Report]) -> str | None:
    typed = [r for r in opening if r.device_type is not None]
    return min(typed, key=_precedence).device_type if typed else None


def _assign(
    newest_first: list[DerivedStatus], hub: list[Report], correlation: Correlation[DerivedStatus]
) -> list[Report]:
    """Assign each report of the Comms Hub to its item (rules 2 and 5); returns the unmatched."""
    items = {item.request_id: item for item in newest_first}
    found: dict[str, list[Report]] = {}
    assigned: dict[str, list[bytes]] = {}
    unmatched: list[Report] = []
    for report in hub:
        request = report.request_id
        if request is None or request not in items:
            owner = correlation.owner(report)
            if owner is None:
                unmatched.append(report)
                continue
            request = owner.request_id
            assigned.setdefault(request, []).append(report.identity)
        found.setdefault(request, []).append(report)
    for request, reports in found.items():
        item = items[request]
        item.reports = [*item.reports, *reports]
        if request in assigned:
            item.assigned = frozenset(assigned[request])
    return unmatched


def _decide(item: DerivedStatus, correlation: Correlation[DerivedStatus]) -> None:
    """Set status and evidence: a reset or an activation takes precedence, then rules 3 and 4."""
    reports = item.reports
    statuses = [r.status for r in reports]
    if _ACTIVATED in statuses:
        reports = _believed(item, correlation)
        statuses = [r.status for r in reports]
    final = _RESET if _RESET in statuses else _ACTIVATED if _ACTIVATED in statuses else None
    if final is not None:
        _conclude(item, [r for r in reports if r.status == final])
        return
    top = max([STAGE[status] for status in statuses])
    _conclude(item, _last_run([r for r in reports if STAGE[r.status] == top]))


def _believed(item: DerivedStatus, correlation: Correlation[DerivedStatus]) -> list[Report]:
    """The item's reports, without activations of another version."""
    claims = [r for r in item.reports if r.status == _ACTIVATED]
    item.refuted = frozenset([r.identity for r in claims if correlation.contradicts(r, item)])
    return [r for r in item.reports if r.identity not in item.refuted]


def _last_run(contenders: list[Report]) -> list[Report]:
    """The last unbroken run of one status within a stage (rule 4)."""
    if len(contenders) == 1:
        return contenders
    contenders.sort(key=_recency, reverse=True)
    last = contenders[0].status
    for at, report in enumerate(contenders):
        if report.status != last:
            return contenders[:at]
    return contenders


def _recency(report: Report) -> tuple[int, bool, bytes]:
    """Sort key by time; at the same time a success counts as the later."""
    return (report.at, report.status in _SUCCESS, report.identity)


def _conclude(item: DerivedStatus, run: list[Report]) -> None:
    evidence = run[0] if len(run) == 1 else min(run, key=_beginning)
    item.evidence = evidence
    item.status = _STATUS[evidence.status]
    item.run = frozenset([r.identity for r in run])


def _beginning(report: Report) -> tuple[int, bytes]:
    return (report.at, report.identity)
