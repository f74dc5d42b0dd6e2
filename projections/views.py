"""The views of a row: items with reason and timeline, and unmatched reports.

JSON, CSV and pages are renderings of these views. Times are milliseconds since 1970 UTC.
"""

from __future__ import annotations

import msgspec

from projections.catalogue import Catalogue, Meaning
from projections.correlation import version_of
from projections.lifecycle import NO_STATUS, STAGE, Completion, Status
from projections.rows import native_code, order
from projections.state import Report, Row
from projections.status_derivation import DerivedStatus, derive_statuses
from schemas.event_ids import event_id_text
from schemas.topics import SOURCE_TOPICS, Source

LATE = "late"
SUPERSEDED = "superseded"
AFTER_RESET = "after-reset"
CLOCK_SKEW = "clock-skew"
MARKS = (LATE, SUPERSEDED, AFTER_RESET, CLOCK_SKEW)


class Evidence(msgspec.Struct, frozen=True, gc=False):
    """The record that a status or timeline entry is based on."""

    topic: str
    partition: int
    offset: int
    event_id: str


class Reason(msgspec.Struct, frozen=True, gc=False):
    """Why, in plain English, and what to do next."""

    code: str
    """Native code, with ``/result`` where there is one."""
    text: str
    next_step: str | None
    retryable: bool


class TimelineEntry(msgspec.Struct, frozen=True, gc=False):
    """One record in a timeline."""

    status: Status | None
    marks: tuple[str, ...]
    code: str
    reason: Reason
    detail: str | None
    occurred_at: int
    received_at: int
    evidence: Evidence
    copies: int
    """Number of further records of the same event."""


class ItemView(msgspec.Struct, frozen=True, gc=False):
    """One request on one device."""

    service_request_id: str
    device_id: str
    device_type: str
    firmware_version: str
    status: Status
    reason: Reason
    updated_at: int
    available_until: int
    evidence: Evidence
    timeline: tuple[TimelineEntry, ...]
    """In the order of receipt, oldest first."""
    not_kept: int = 0
    """Further records of the request and of the device's Comms Hub that are only counted. From
    :data:`~projections.cap.LEFT_OUT_COUNTED` of either on it means so many or more."""

    @property
    def completion(self) -> Completion:
        """The Completion Status of the item."""
        return self.status.completion


class DeviceView(msgspec.Struct, frozen=True, gc=False):
    """The view of one device."""

    device_id: str
    items: tuple[ItemView, ...]
    """Newest first."""
    unmatched: tuple[TimelineEntry, ...]
    """Reports without a request, and thus without an owner."""
    not_kept: int = 0
    """Further records of the device's Comms Hub that are only counted."""


def device_view(device_id: str, row: Row, catalogue: Catalogue, retention_ms: int) -> DeviceView:
    """The view of a row, without items whose device type is not known yet (rule 8)."""
    found = derive_statuses(row)
    wording = _Wording(catalogue, found.copies)
    return DeviceView(
        device_id,
        tuple(_item_view(device_id, standing, wording, retention_ms) for standing in found.served),
        tuple(_entry(report, (), wording) for report in found.unmatched),
        found.left_out,
    )


def evidence_of(report: Report) -> Evidence:
    """The place and fields of a report, as evidence."""
    return Evidence(
        SOURCE_TOPICS[Source(report.source)],
        report.partition,
        report.offset,
        event_id_text(report.identity[:16]),
    )


class _Wording(msgspec.Struct, frozen=True, gc=False):
    """The data for the words of an entry."""

    catalogue: Catalogue
    copies: dict[bytes, int]


def _item_view(
    device_id: str, standing: DerivedStatus, wording: _Wording, retention_ms: int
) -> ItemView:
    evidence = standing.evidence
    ordered = sorted(standing.reports, key=order)
    return ItemView(
        service_request_id=standing.request_id,
        device_id=device_id,
        device_type=standing.device_type or "",
        firmware_version=standing.version,
        status=standing.status,
        reason=reason_of(evidence, wording.catalogue),
        updated_at=evidence.at,
        available_until=evidence.received_at + retention_ms,
        evidence=evidence_of(evidence),
        timeline=tuple(
            _refuted(r, standing, wording)
            if r.identity in standing.refuted
            else _entry(r, _marks(r, standing), wording)
            for r in ordered
        ),
        not_kept=standing.left_out,
    )


def _marks(report: Report, standing: DerivedStatus) -> tuple[str, ...]:
    """The marks of a report that did not become the status (rule 6)."""
    marks: list[str] = []
    if standing.status is Status.RESET_BY_DCC:
        if report.identity not in standing.run and (
            report.at > standing.evidence.at or report.identity in standing.assigned
        ):
            marks.append(AFTER_RESET)
    elif standing.status_of(report) != NO_STATUS and report.identity not in standing.run:
        if STAGE[report.status] == STAGE[standing.status]:
            marks.append(SUPERSEDED)
        elif report.at >= standing.evidence.at:
            marks.append(LATE)
    return tuple(marks)


def _refuted(report: Report, standing: DerivedStatus, wording: _Wording) -> TimelineEntry:
    """The entry of an activation of another version than the item's, without a status (I15)."""
    spoken_of = version_of(report)
    what = "another image" if spoken_of is None else f"version {spoken_of}"
    text = f"It speaks of {what}, and this request is for {standing.version}"
    entry = _entry(report, _marks(report, standing), wording)
    return msgspec.structs.replace(entry, status=None, reason=Reason(entry.code, text, None, False))


def _entry(report: Report, marks: tuple[str, ...], wording: _Wording) -> TimelineEntry:
    return TimelineEntry(
        status=Status(report.status) if report.status != NO_STATUS else None,
        marks=marks if report.at == report.occurred_at else (*marks, CLOCK_SKEW),
        code=native_code(report),
        reason=reason_of(report, wording.catalogue),
        detail=report.detail,
        occurred_at=report.occurred_at,
        received_at=report.received_at,
        evidence=evidence_of(report),
        copies=wording.copies.get(report.identity, 0),
    )


def reason_of(report: Report, catalogue: Catalogue) -> Reason:
    """The reason in the catalogue's words, with the report's native code."""
    meaning = catalogue.meaning(Source(report.source), report.code, report.result, report.message)
    return Reason(native_code(report), *_words(meaning, report))


def _words(meaning: Meaning, report: Report) -> tuple[str, str | None, bool]:
    text = meaning.text
    if meaning.quotes_detail and report.detail:
        text = f"{text}: {report.detail}"
    return text, meaning.next_step, meaning.retryable
