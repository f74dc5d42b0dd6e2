"""A local broker whose log cleaner does within seconds what it would do within hours.

A tombstone goes when it was cleaned, its ``delete.retention.ms`` has passed and it is cleaned once
more; the segment that is written to is never cleaned.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final

from confluent_kafka.admin import (  # type: ignore[attr-defined]  # exported at run time
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
)

from fdt.broker import LocalKafka
from fdt.brokers.admin import admin_client
from fdt.settings import Settings
from fdt.topics import ensure_topics, specs_of
from schemas.topics import STATUS

IDLE_CONTROL: Final = "PT1S"
"""Control records of an idle partition close the segment that is written to (``segment.ms``)."""

_EAGER: Final = {"log.cleaner.backoff.ms": "500"}
_SEGMENT_MS: Final = 10_000
_GONE_AFTER_MS: Final = 1_000


def eager_broker(folder: Path, report: Callable[[str], None] | None = None) -> LocalKafka:
    """A broker whose disk can be looked at, not started yet."""
    return LocalKafka(folder, extra=_EAGER, report=report)


def topics_for(bootstrap: str, retention: timedelta) -> None:
    """The topics as the settings make them for a retention, and compaction without delay."""
    ensure_topics(bootstrap, specs_of(Settings(retention=retention)))
    compact_without_delay(bootstrap, retention)


def compact_without_delay(bootstrap: str, retention: timedelta) -> None:
    """Short segments of the status topic, each cleaned soon, whatever its share of old records."""
    wanted = {
        "segment.ms": _SEGMENT_MS,
        "max.compaction.lag.ms": _SEGMENT_MS,
        "min.cleanable.dirty.ratio": 0,
        "delete.retention.ms": retention // timedelta(milliseconds=1),
        "file.delete.delay.ms": _GONE_AFTER_MS,
    }
    entries = [
        ConfigEntry(name, str(value), incremental_operation=AlterConfigOpType.SET)
        for name, value in wanted.items()
    ]
    resource = ConfigResource(ConfigResource.Type.TOPIC, STATUS, incremental_configs=entries)
    admin = admin_client(bootstrap)
    for future in admin.incremental_alter_configs([resource]).values():
        future.result(10)


def logs_of(broker_folder: Path, *topics: str) -> list[Path]:
    """Folders of the topics' partitions in a local broker's data."""
    return [path for topic in topics for path in (broker_folder / "log").glob(f"{topic}-*")]
