"""All kinds of journeys of a device, each with its expected end."""

from __future__ import annotations

from sources.planning.journeys import (
    clocks,
    contested,
    disorder,
    identity,
    plain,
    resends,
    resets,
    without_request,
)
from sources.planning.journeys.catalogue import KINDS, Kind

HAPPY = KINDS["happy"]
"""The journey of most devices."""

__all__ = [
    "HAPPY",
    "KINDS",
    "Kind",
    "clocks",
    "contested",
    "disorder",
    "identity",
    "plain",
    "resends",
    "resets",
    "without_request",
]
