"""The JSON answers: names and types of the published contract (design §8).

``/openapi.json`` is made from these models. Fields may be added, never renamed or removed.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from projections.lifecycle import LIFECYCLE, Completion
from projections.questions.as_at import Doubt
from projections.views import MARKS
from schemas.topics import SOURCE_TOPICS

Time = Annotated[
    str,
    WithJsonSchema(
        {"type": "string", "format": "date-time", "examples": ["2026-11-23T06:00:00.000Z"]}
    ),
]
"""RFC 3339, UTC, milliseconds."""
VOCABULARIES: Final = {
    "ProcessingStatus": [row.label for row in LIFECYCLE],
    "CompletionStatus": [str(word) for word in Completion],
    "Mark": list(MARKS),
    "EventTopic": list(SOURCE_TOPICS.values()),
    "Doubt": [str(word) for word in Doubt],
}
"""Enumerations in answers, by their name in ``/openapi.json``."""


def _word(vocabulary: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "enum": VOCABULARIES[vocabulary]})


StatusLabel = Annotated[str, _word("ProcessingStatus")]
CompletionLabel = Annotated[str, _word("CompletionStatus")]
Mark = Annotated[str, _word("Mark")]
TopicName = Annotated[str, _word("EventTopic")]
DoubtWord = Annotated[str, _word("Doubt")]

_ALL_SENT: Final = ConfigDict(json_schema_serialization_defaults_required=True)
"""Documents a field with a default as always present."""


class Evidence(BaseModel):
    """The Kafka record behind a fact."""

    topic: TopicName
    partition: int
    offset: int
    event_id: str = Field(description="UUID of the event.")


class Reason(BaseModel):
    """Why, in plain English."""

    code: str = Field(description="Native code, with /result where there is one.")
    text: str
    next_step: str | None
    retryable: bool


class Item(BaseModel):
    """The latest status of one device in one request."""

    service_request_id: str
    device_id: str
    device_type: str
    firmware_version: str
    status: StatusLabel
    completion: CompletionLabel
    reason: Reason | None
    updated_at: Time = Field(description="Since when the status holds.")
    available_until: Time = Field(description="When the item leaves the tracker.")
    evidence: Evidence


class Entry(BaseModel):
    """One record of a timeline."""

    status: StatusLabel | None = Field(description="null where the record sets none.")
    marks: list[Mark] = Field(
        description="Why it did not become the status, or is not as it was sent."
    )
    code: str
    reason: Reason
    detail: str | None = Field(description="What the source added, cut at 1 KiB.")
    occurred_at: Time
    received_at: Time
    evidence: Evidence
    copies: int = Field(description="Further records of the same event that were received.")


class Freshness(BaseModel):
    """How fresh an answer is."""

    lag_events: int | None = Field(
        description="Offsets of the status topic not applied yet; null while the broker is away."
    )
    as_of: Time | None = Field(
        description="Everything the processor committed before this is in the answer."
    )
    sources: dict[str, Time] = Field(
        description="Last received time by source (dsp, csp/REGION, comms-hub, ssmi)."
    )


class AsAt(BaseModel):
    """Of when an answer is, and why it may not be all that was there."""

    time: Time
    doubts: list[DoubtWord] = Field(
        description="Empty where the answer is whole. capped: some records were counted and not "
        "kept. forgotten: something has ended since that was there, or may have been. "
        "not-read-yet: not everything that was received by then is folded."
    )


Counts = Annotated[
    dict[str, int],
    WithJsonSchema(
        {
            "type": "object",
            "properties": {str(word): {"type": "integer"} for word in Completion},
            "required": [str(word) for word in Completion],
            "additionalProperties": False,
        }
    ),
]


class RequestAnswer(BaseModel):
    """One page of a Service Request, ordered by Device ID."""

    model_config = _ALL_SENT

    items: list[Item]
    next_cursor: str | None = Field(description="Send it back as ?cursor= for the next page.")
    counts: Counts = Field(
        description="Of the whole request, before filters and paging; with as_at, of this page."
    )
    reasons: dict[str, int] = Field(
        description="The same by reason.code, the most frequent first; what ?reason= takes."
    )
    changes_cursor: str = Field(
        description="Send it back as ?changed_since= for what has changed since; of a walk through "
        "pages, that of its first page."
    )
    freshness: Freshness
    as_at: AsAt | None = Field(None, description="null for an answer of now.")


class DeviceAnswer(BaseModel):
    """Every tracked request of one device, newest first."""

    model_config = _ALL_SENT

    items: list[Item]
    unmatched: list[Entry] = Field(
        description="Reports still waiting for their request; Service Centre and auditors only."
    )
    not_kept: int = Field(
        description="Further records of the device's Comms Hub that were counted and not kept; "
        "1,000 stands for so many or more."
    )
    freshness: Freshness
    as_at: AsAt | None = Field(None, description="null for an answer of now.")


class ItemAnswer(Item):
    """One item with everything that was recorded for it."""

    model_config = _ALL_SENT

    timeline: list[Entry] = Field(description="As received, oldest first.")
    not_kept: int = Field(
        description="Further records of this request, or of the device's Comms Hub, that were "
        "counted and not kept; 1,000 of either stands for so many or more."
    )
    freshness: Freshness
    as_at: AsAt | None = Field(None, description="null for an answer of now.")


class ResetOrder(BaseModel):
    """What the Service Centre says to reset an item."""

    reason: str = Field(min_length=1, max_length=500, description="Why; one line.")
    incident_reference: str = Field(
        min_length=1, max_length=40, description="The incident it belongs to."
    )
    seen_event_id: str = Field(
        description="evidence.event_id of the item as it was read: a changed status asks again."
    )
    confirm_final: bool = Field(False, description="true to reset a final status.")


class ResetAnswer(BaseModel):
    """The event of a reset, durable in its topic."""

    service_request_id: str
    device_id: str
    status: StatusLabel
    evidence: Evidence
    shown: bool = Field(description="Whether this server shows the new status already.")


class Health(BaseModel):
    """The process is there."""

    model_config = _ALL_SENT

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """The view may be read."""

    model_config = _ALL_SENT

    status: Literal["ready"] = "ready"
    broker: Literal["answering", "away"]
    processor: Literal["reporting", "silent"] = Field(
        description="silent: a partition's processor has given no sign of life for a while. The "
        "view is served, and grows older."
    )
    processor_seen: dict[int, Time | None] = Field(
        description="Last sign of life of the processor by partition number."
    )
    waiting_events: int | None = Field(
        description="Events that the processor has not folded yet, at most; null while that cannot "
        "be told."
    )
    freshness: Freshness
