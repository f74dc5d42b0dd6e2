"""Varies the spelling of identifiers, as real systems do; the tracker must treat them as equal."""

from __future__ import annotations

from random import Random
from typing import Any, Final

_IDENTIFIERS: Final = ("event_id", "device_id", "firmware_version", "running_version", "image_hash")


def roughly(rng: Random, fields: dict[str, Any]) -> dict[str, Any]:
    """A copy of an event's fields in another valid spelling."""
    lowered = rng.random() < 0.7
    rough = dict(fields)
    for name in _IDENTIFIERS:
        if text := rough.get(name):
            rough[name] = text.lower() if lowered else text.upper()
    if request := rough["service_request_id"]:
        originator, target, counter = request.split(":")
        rough["service_request_id"] = f"{originator.lower()}:{target}:{counter.zfill(20)}"
    if code := rough.get("code"):
        rough["code"] = code.lower() if lowered else f" {code} "
    return rough
