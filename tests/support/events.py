"""One plain event, to be changed in the field that a test is about."""

from __future__ import annotations

import time
import uuid
from typing import Any

DEVICE = "00-DB-12-34-56-78-90-A0"
REQUEST = "90-B3-D5-1F-30-01-00-00:90-B3-D5-1F-30-00-00-02:1000"


def dsp_event(**changes: Any) -> dict[str, Any]:
    """The DSP accepted a device, now."""
    return {
        "event_id": str(uuid.uuid4()),
        "service_request_id": REQUEST,
        "service_reference_variant": "11.1",
        "device_id": DEVICE,
        "device_type": "ESME",
        "firmware_version": "0002012F",
        "image_hash": None,
        "code": "I99",
        "detail": None,
        "occurred_at": int(time.time() * 1000),
        **changes,
    }
