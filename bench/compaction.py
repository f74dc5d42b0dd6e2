"""A local broker whose log cleaner runs at once, and the size of its topics on disk.

The topics are as the settings make them. A tombstone goes when its segment was closed and cleaned,
``delete.retention.ms`` has passed and it is cleaned once more: with a retention of a minute that
takes about three.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from fdt.brokers.finding import LocalKafka

IDLE_CONTROL: Final = "PT1S"
"""Control records of an idle partition close the segment that is written to."""

_EAGER: Final = {"log.cleaner.backoff.ms": "500", "log.segment.delete.delay.ms": "1000"}


def eager_broker(folder: Path) -> LocalKafka:
    """A broker that looks for something to clean twice a second; not started yet."""
    return LocalKafka(folder, extra=_EAGER)


def logs_of(broker_folder: Path, *topics: str) -> list[Path]:
    """Folders of the topics' partitions in a local broker's data."""
    return [path for topic in topics for path in (broker_folder / "log").glob(f"{topic}-*")]
