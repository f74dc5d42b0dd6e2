"""How times, spans and numbers are written for people. Times are milliseconds since 1970 UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from schemas.topics import TOPIC_SOURCES, Source

SOURCE_NAMES: Final[dict[Source, str]] = {
    Source.DSP: "DSP",
    Source.CSP: "CSP",
    Source.COMMS_HUB: "Comms Hub head-end",
    Source.SSMI: "DCC Service Centre",
}


def moment(ms: int) -> str:
    """``23 November 2026, 06:00:00 UTC``."""
    at = datetime.fromtimestamp(ms // 1000, UTC)
    return f"{at.day} {at:%B %Y, %H:%M:%S} UTC"


def short_moment(ms: int) -> str:
    """``23 Nov 2026, 06:00``, for tables that say UTC in their heading."""
    at = datetime.fromtimestamp(ms // 1000, UTC)
    return f"{at.day} {at:%b %Y, %H:%M}"


def day(ms: int) -> str:
    """``23 November 2026``."""
    at = datetime.fromtimestamp(ms // 1000, UTC)
    return f"{at.day} {at:%B %Y}"


def number(value: int) -> str:
    """``50,000``."""
    return f"{value:,}"


def devices(value: int) -> str:
    """``1 device``, ``812 devices``."""
    return f"{value:,} device{'' if value == 1 else 's'}"


def advice(text: str) -> str:
    """A next step for the line *What to do*: the catalogue's *None* reads *Nothing*."""
    return f"Nothing{text.removeprefix('None')}" if text.startswith("None") else text


def source_name(topic: str) -> str:
    """Who publishes a topic."""
    return SOURCE_NAMES[TOPIC_SOURCES[topic]]


def feed_name(feed: str) -> str:
    """A source in freshness (``dsp``, ``csp/REGION``, ``comms-hub``) in words."""
    name, _, region = feed.partition("/")
    known = {"dsp": "DSP", "csp": "CSP", "comms-hub": "Comms Hub head-end"}
    shown = known.get(name, "DCC Service Centre")
    return f"{shown}, region {region}" if region else shown
