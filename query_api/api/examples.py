"""Examples of requests and answers for ``/openapi.json``; typed, so that they stay valid."""

from __future__ import annotations

from typing import Any, Final

from query_api.api.common import cursor
from query_api.queries import answers, changes, rendering
from schemas.identifiers import DeviceId

REQUEST: Final = "90-B3-D5-1F-30-01-00-00:90-B3-D5-1F-30-00-00-02:1000"
DEVICE: Final = DeviceId("00-DB-12-34-56-78-90-A0")
EVENT: Final = "7f1d6c1e-0d0c-4b1f-9a70-3f3d6a1f2b11"

_CHANGES: Final = changes.cursor(changes.Seen(b"status", (812, 799, 830, 801)))

PARAMETERS: Final[dict[str, Any]] = {
    "service_request_id": REQUEST,
    "device_id": DEVICE,
    "status": ["Failed CH Transfer"],
    "completion": ["Failed"],
    "limit": 100,
    "cursor": cursor(DEVICE),
    "reason": ["N61"],
    "changed_since": _CHANGES,
    "as_at": "2026-11-23T06:00:00Z",
    "Idempotency-Key": EVENT,
}

_EVIDENCE: Final = answers.Evidence(
    topic="firmware.csp.v1", partition=1, offset=1741, event_id=EVENT
)
_REASON: Final = answers.Reason(
    code="N61",
    text="The CSP could not transfer the image to the Comms Hub",
    next_step="Send the request for this device again.",
    retryable=True,
)
_ITEM: Final = answers.Item(
    service_request_id=REQUEST,
    device_id=DEVICE,
    device_type="ESME",
    firmware_version="0002012F",
    status="Failed CH Transfer",
    completion="Failed",
    reason=_REASON,
    updated_at="2026-11-23T06:00:00.000Z",
    available_until="2026-12-23T06:00:01.250Z",
    evidence=_EVIDENCE,
)
_ENTRY: Final = answers.Entry(
    status="Failed CH Transfer",
    marks=[],
    code="N61",
    reason=_REASON,
    detail=None,
    occurred_at="2026-11-23T06:00:00.000Z",
    received_at="2026-11-23T06:00:01.250Z",
    evidence=_EVIDENCE,
    copies=0,
)
_FRESHNESS: Final = answers.Freshness(
    lag_events=0,
    as_of="2026-11-23T06:01:00.000Z",
    sources={"dsp": "2026-11-23T06:00:58.120Z", "csp/North": "2026-11-23T06:00:59.001Z"},
)

BODIES: Final[dict[str, Any]] = {
    "reset_item": answers.ResetOrder(
        reason="The hub was replaced",
        incident_reference="INC000000000042",
        seen_event_id=EVENT,
        confirm_final=False,
    ).model_dump(),
}
"""Operation -> request body."""

ANSWERS: Final[dict[str, Any]] = {
    "read_request": answers.RequestAnswer(
        items=[_ITEM],
        next_cursor=cursor(DEVICE),
        counts={"In Progress": 40, "Failed": 2, "Complete": 8},
        reasons={"N60": 30, "I99": 10, "CS06/0": 8, "N61": 2},
        changes_cursor=_CHANGES,
        freshness=_FRESHNESS,
        as_at=None,
    ).model_dump(),
    "read_device": answers.DeviceAnswer(
        items=[_ITEM], unmatched=[], not_kept=0, freshness=_FRESHNESS, as_at=None
    ).model_dump(),
    "read_item": answers.ItemAnswer(
        **dict(_ITEM), timeline=[_ENTRY], not_kept=0, freshness=_FRESHNESS, as_at=None
    ).model_dump(),
    "reset_item": answers.ResetAnswer(
        service_request_id=REQUEST,
        device_id=DEVICE,
        status="Reset by DCC",
        evidence=answers.Evidence(topic="firmware.ssmi.v1", partition=1, offset=12, event_id=EVENT),
        shown=True,
    ).model_dump(),
    "download_request": ",".join(rendering.CSV_COLUMNS)
    + f"\r\n{REQUEST},0002012F,{DEVICE},Failed CH Transfer,"
    "N61 The CSP could not transfer the image to the Comms Hub,2026-11-23T06:00:00.000Z\r\n",
    "healthz": answers.Health().model_dump(),
    "readyz": answers.Readiness(
        broker="answering",
        processor="reporting",
        processor_seen={0: "2026-11-23T06:01:00.000Z"},
        waiting_events=0,
        freshness=_FRESHNESS,
    ).model_dump(mode="json"),
    "metrics_page": "# TYPE fdt_lag_events gauge\nfdt_lag_events 0.0\n",
}
"""Operation -> body of the successful answer. A workbook has no example: it is binary."""
