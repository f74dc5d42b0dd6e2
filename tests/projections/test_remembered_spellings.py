"""Identifiers that the fold has met are remembered: always the same answer, and never too many."""

from __future__ import annotations

import pytest

from projections import events
from projections.events import LONGEST_KNOWN, MOST_KNOWN, Place
from schemas.codec import BadRecord
from schemas.identifiers import DeviceId
from schemas.topics import Source
from tests.projections.records import DEVICE, NOW, READER
from tests.support.events import dsp_event

PLACE = Place(0, 0, NOW)


def told_by(**changes: object) -> tuple[DeviceId, str | None]:
    """Device and request of an event with these fields."""
    event = dsp_event(**{"device_id": DEVICE, "occurred_at": NOW, **changes})
    device, report = READER.report(Source.DSP, event, PLACE)
    return device, report.request_id


@pytest.mark.parametrize("spelt", [DEVICE.lower(), f"  {DEVICE} ", DEVICE])
def test_every_spelling_is_the_same_identifier_each_time(spelt: str) -> None:
    """As a device, which is a type of its own, and plain in rows."""
    for _ in range(2):
        device, request = told_by(device_id=spelt)
        assert (device, type(device)) == (DEVICE, DeviceId)
        assert type(request) is str


def test_what_is_none_stays_refused() -> None:
    """A refusal is not remembered either."""
    for _ in range(2):
        with pytest.raises(BadRecord, match="invalid-device-id"):
            told_by(device_id="00-DB")


def test_memory_is_bounded() -> None:
    """In spellings, and in the length of one."""
    known = events._KNOWN["device_id"]
    for number in range(MOST_KNOWN + 10):
        device, _ = told_by(
            device_id=f"00-DB-12-34-56-{number >> 16:02X}-{number >> 8 & 255:02X}"
            f"-{number & 255:02X}"
        )
    assert 0 < len(known) <= MOST_KNOWN
    assert told_by(device_id=device) == told_by(device_id=f"{device}{' ' * LONGEST_KNOWN}")
    assert all(len(spelt) <= LONGEST_KNOWN for spelt in known)
