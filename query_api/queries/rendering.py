"""Renders the results of queries as JSON models, headers and CSV lines.

JSON, CSV, workbook and pages all start from the same :class:`~projections.views.ItemView`, so they
cannot differ.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from projections import views
from query_api.queries import answers, changes, reads

CSV_COLUMNS: Final = (
    "Service Request ID",
    "Firmware Version",
    "Device ID",
    "Current Status",
    "Current Status Reason",
    "Current Status Update Time and Date",
)
CSV_CHUNK_ROWS: Final = 500
LONGEST_HEADER: Final = 2_000
"""Characters. Publishers name the regions, and proxies accept about 8 KiB of headers."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet evaluates a cell that begins with one of these."""


def time(ms: int) -> str:
    """Milliseconds since 1970 as ``2026-11-23T06:00:00.000Z``."""
    seconds, rest = divmod(ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC).isoformat()[:19]}.{rest:03d}Z"


def request(page: reads.RequestPage, next_cursor: str | None) -> answers.RequestAnswer:
    """A page of a request."""
    return answers.RequestAnswer(
        items=[item(each) for each in page.items],
        next_cursor=next_cursor,
        counts={str(word): number for word, number in page.counts.items()},
        reasons=page.reasons,
        changes_cursor=changes.cursor(page.seen),
        freshness=freshness(page.freshness),
        as_at=_as_at(page.instant),
    )


def device(answer: reads.DeviceAnswer) -> answers.DeviceAnswer:
    """The requests of a device."""
    return answers.DeviceAnswer(
        items=[item(each) for each in answer.items],
        unmatched=[_entry(each) for each in answer.unmatched],
        not_kept=answer.not_kept,
        freshness=freshness(answer.freshness),
        as_at=_as_at(answer.instant),
    )


def item_with_timeline(answer: reads.ItemAnswer) -> answers.ItemAnswer:
    """One item with its timeline."""
    return answers.ItemAnswer(
        **dict(item(answer.item)),
        timeline=[_entry(each) for each in answer.item.timeline],
        not_kept=answer.item.not_kept,
        freshness=freshness(answer.freshness),
        as_at=_as_at(answer.instant),
    )


def item(view: views.ItemView) -> answers.Item:
    """An item as lists show it."""
    return answers.Item(
        service_request_id=view.service_request_id,
        device_id=view.device_id,
        device_type=view.device_type,
        firmware_version=view.firmware_version,
        status=view.status.label,
        completion=view.completion,
        reason=_reason(view.reason),
        updated_at=time(view.updated_at),
        available_until=time(view.available_until),
        evidence=_evidence(view.evidence),
    )


def _as_at(value: reads.Instant | None) -> answers.AsAt | None:
    """The instant of an answer about the past."""
    if value is None:
        return None
    return answers.AsAt(time=time(value.at), doubts=[str(doubt) for doubt in value.doubts])


def freshness_headers(value: reads.Freshness) -> dict[str, str]:
    """Freshness as headers, for files and for answers without a body."""
    shown = freshness(value)
    headers = {
        "Fdt-As-Of": shown.as_of or "unknown",
        "Fdt-Lag-Events": "unknown" if shown.lag_events is None else str(shown.lag_events),
    }
    sources = json.dumps(shown.sources, separators=(",", ":"))
    return headers if len(sources) > LONGEST_HEADER else {**headers, "Fdt-Sources": sources}


def freshness(value: reads.Freshness) -> answers.Freshness:
    """The freshness of an answer."""
    return answers.Freshness(
        lag_events=value.lag_events,
        as_of=None if value.as_of is None else time(value.as_of),
        sources={source: time(at) for source, at in value.sources.items()},
    )


def csv_chunks(items: Iterable[views.ItemView]) -> Iterator[bytes]:
    """CSV (RFC 4180, UTF-8, CRLF): a header line, then one line for each item, in chunks."""
    yield _csv_lines([CSV_COLUMNS])
    rows = (_csv_row(each) for each in items)
    while chunk := list(islice(rows, CSV_CHUNK_ROWS)):
        yield _csv_lines(chunk)


def _csv_row(view: views.ItemView) -> tuple[str, ...]:
    cells = (
        view.service_request_id,
        view.firmware_version,
        view.device_id,
        view.status.label,
        reason_words(view),
        time(view.updated_at),
    )
    return tuple(guarded(cell) for cell in cells)


def reason_words(view: views.ItemView) -> str:
    """The reason in one cell: the native code and the text."""
    return f"{view.reason.code} {view.reason.text}"


def guarded(cell: str) -> str:
    """``cell`` with an apostrophe in front, if a spreadsheet would evaluate it."""
    return "'" + cell if cell.startswith(_FORMULA) else cell


def _csv_lines(rows: Iterable[tuple[str, ...]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


def _reason(value: views.Reason) -> answers.Reason:
    return answers.Reason(
        code=value.code, text=value.text, next_step=value.next_step, retryable=value.retryable
    )


def _evidence(value: views.Evidence) -> answers.Evidence:
    return answers.Evidence(
        topic=value.topic,
        partition=value.partition,
        offset=value.offset,
        event_id=value.event_id,
    )


def _entry(value: views.TimelineEntry) -> answers.Entry:
    return answers.Entry(
        status=None if value.status is None else value.status.label,
        marks=list(value.marks),
        code=value.code,
        reason=_reason(value.reason),
        detail=value.detail,
        occurred_at=time(value.occurred_at),
        received_at=time(value.received_at),
        evidence=_evidence(value.evidence),
        copies=value.copies,
    )
