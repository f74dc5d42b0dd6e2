"""Defines the topics as data: name, key, writer, record and policy.

Commands, documents and tests derive from :data:`TOPICS`; nothing else has a topic's settings.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, Literal

DAY_MS: Final = 86_400_000
HOUR_MS: Final = 3_600_000
SEGMENT_BYTES: Final = 64 * 1024 * 1024
"""Small, because the segment being written is never compacted."""

DSP_EVENTS: Final = "firmware.dsp.v1"
CSP_EVENTS: Final = "firmware.csp.v1"
COMMS_HUB_EVENTS: Final = "firmware.comms-hub.v1"
SSMI_EVENTS: Final = "firmware.ssmi.v1"
STATUS: Final = "firmware.status.v1"
DEAD_LETTERS: Final = "firmware.dead-letter.v1"
AUDIT: Final = "firmware.audit.v1"
READ_SIDE: Final = "firmware.read-side.v1"

CONTROL_KEY: Final = b"~control"
"""Reserved key of a partition's control record in the status topic; never a Device ID."""


class Source(IntEnum):
    """Who publishes events. The numbers are stored: never change or reuse one."""

    DSP = 1
    CSP = 2
    COMMS_HUB = 3
    SSMI = 4

    @property
    def topic(self) -> str:
        """The topic this source writes."""
        return SOURCE_TOPICS[self]


SOURCE_TOPICS: Final[dict[Source, str]] = {
    Source.DSP: DSP_EVENTS,
    Source.CSP: CSP_EVENTS,
    Source.COMMS_HUB: COMMS_HUB_EVENTS,
    Source.SSMI: SSMI_EVENTS,
}
TOPIC_SOURCES: Final[dict[str, Source]] = {topic: source for source, topic in SOURCE_TOPICS.items()}

RetentionSetting = Literal["event", "dead_letter", "audit", "session"]


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic: what it carries and how the broker keeps it."""

    name: str
    key: str
    writer: str
    record: str
    cleanup_policy: Literal["delete", "compact"]
    retention_setting: RetentionSetting | None
    config: dict[str, str] = field(default_factory=dict)


LARGEST_STATUS: Final = 4 * 1024 * 1024
"""Bytes of one status record, for the topic and its producer."""
LARGEST_DEAD_LETTER: Final = 2 * 1024 * 1024
"""Bytes of a dead letter: a record as large as brokers take by default, with place and reason."""

_RECEIVED_BY_BROKER = {"message.timestamp.type": "LogAppendTime"}
"""The received time is the broker's, not the publisher's (rule 7 of the fold depends on it)."""


def _events(name: str, writer: str, record: str) -> Topic:
    return Topic(name, "Device ID", writer, record, "delete", "event", _RECEIVED_BY_BROKER)


TOPICS: Final[tuple[Topic, ...]] = (
    _events(DSP_EVENTS, "DSP", "DspEvent"),
    _events(CSP_EVENTS, "CSP", "CspEvent"),
    _events(COMMS_HUB_EVENTS, "Comms Hub head-end", "CommsHubEvent"),
    _events(SSMI_EVENTS, "query_api, on a Reset", "SsmiEvent"),
    Topic(
        STATUS,
        "Device ID",
        "processor",
        "FirmwareStatus",
        "compact",
        None,
        {
            **_RECEIVED_BY_BROKER,
            "compression.type": "producer",
            "max.message.bytes": str(LARGEST_STATUS),
            "min.cleanable.dirty.ratio": "0.2",
            "segment.bytes": str(SEGMENT_BYTES),
        },
    ),
    Topic(
        DEAD_LETTERS,
        "original key",
        "processor",
        "DeadLetter",
        "delete",
        "dead_letter",
        {**_RECEIVED_BY_BROKER, "max.message.bytes": str(LARGEST_DEAD_LETTER)},
    ),
    Topic(AUDIT, "user", "query_api", "AuditEntry", "delete", "audit", _RECEIVED_BY_BROKER),
    Topic(
        READ_SIDE,
        "read side",
        "query_api",
        "ReadSideNotice",
        "delete",
        "session",
        {**_RECEIVED_BY_BROKER, "segment.ms": str(HOUR_MS)},
    ),
)


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as the broker should hold it, ready for an admin client."""

    name: str
    partitions: int
    replication: int
    config: dict[str, str]
    least_retention_ms: int = 0
    """With a shorter retention the broker deletes records that are still needed: by the table, or
    by read sides that must learn of a sign-out."""


def topic_specs(
    *,
    partitions: int,
    replication: int,
    item_retention_ms: int,
    event_retention_ms: int,
    dead_letter_retention_ms: int,
    audit_retention_ms: int,
    session_absolute_ms: int,
) -> list[TopicSpec]:
    """Every topic with its settings.

    All topics share ``partitions``, so that all records of a device have one partition number. With
    replicas, a record is acknowledged once all of them but one have it: the loss of a broker then
    loses no record and stops nobody. Retention is in milliseconds.
    """
    retention: dict[RetentionSetting, int] = {
        "event": event_retention_ms,
        "dead_letter": dead_letter_retention_ms,
        "audit": audit_retention_ms,
        "session": session_absolute_ms,
    }
    least: dict[RetentionSetting, int] = {
        "event": item_retention_ms,
        "session": session_absolute_ms,
    }
    specs = []
    for topic in TOPICS:
        config = {"cleanup.policy": topic.cleanup_policy, **topic.config}
        if topic.retention_setting is not None:
            config["retention.ms"] = str(retention[topic.retention_setting])
        if replication > 1:
            config["min.insync.replicas"] = str(replication - 1)
        if topic.name == STATUS:
            config |= _compaction(item_retention_ms)
        needed = least.get(topic.retention_setting, 0) if topic.retention_setting else 0
        specs.append(TopicSpec(topic.name, partitions, replication, config, needed))
    return specs


def _compaction(item_retention_ms: int) -> dict[str, str]:
    """Expired rows leave the status topic within two more days, however little is written.

    A tombstone is kept for a day from its first compaction, so a local copy up to that old can
    still follow the topic; what is up to an hour old is not compacted, for readers who are a little
    behind. With a retention below a day, that retention takes the place of the day.
    """
    day = min(DAY_MS, item_retention_ms)
    return {
        "delete.retention.ms": str(day),
        "segment.ms": str(day),
        "max.compaction.lag.ms": str(day),
        "min.compaction.lag.ms": str(day // 24),
    }
