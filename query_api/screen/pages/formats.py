"""How times, spans and numbers are written for people. Times are milliseconds since 1970 UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from schemas.topics import TOPIC_SOURCES, Source

_UNITS: Final = (("day", 86_400_000), ("hour", 3_600_000), ("minute", 60_000))

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


def span(ms: int) -> str:
    """``3 days 4 hours``: the two largest units that are not zero."""
    parts = []
    rest = max(ms, 0)
    for name, size in _UNITS:
        number, rest = divmod(rest, size)
        if number:
            parts.append(_counted(number, name))
        elif parts:
            break
    return " ".join(parts[:2]) or "less than a minute"


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


def _counted(number: int, name: str) -> str:
    return f"{number} {name}{'' if number == 1 else 's'}"
