"""Every kind of journey a device can make, each written beside the ending it must have."""

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
"""The way most devices go."""

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
