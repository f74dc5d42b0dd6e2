"""Identifiers parse, canonicalise and refuse."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.event_ids import event_id_text, parse_event_id
from schemas.identifiers import (
    DeviceId,
    FirmwareVersion,
    ImageHash,
    InvalidIdentifier,
    ServiceRequestId,
)

EUI = "00-DB-12-34-56-78-90-A0"
REQUEST = "90-B3-D5-1F-30-01-00-00:90-B3-D5-1F-30-00-00-02:1000"


def test_case_spaces_and_leading_zeros_do_not_matter() -> None:
    """The canonical form is upper case, trimmed, its counter without leading zeros."""
    assert DeviceId.parse(f"  {EUI.lower()} ") == EUI
    assert ServiceRequestId.parse(REQUEST.lower().replace(":1000", ":0001000")) == REQUEST
    assert FirmwareVersion.parse(" 0002012f") == "0002012F"
    assert ImageHash.parse("ab" * 32) == "AB" * 32


def test_the_owner_of_a_request_is_its_originator() -> None:
    """The first EUI says whose organisation may see the request."""
    assert ServiceRequestId.parse(REQUEST).owner == "90-B3-D5-1F-30-01-00-00"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00-DB-12-34-56-78-90",
        "00DB1234567890A0",
        EUI + "-00",
        EUI + "\n00",
        "00-DB-12-34-56-78-90-G0",
    ],
)
def test_a_malformed_device_id_is_refused_with_an_example(text: str) -> None:
    """The message says how to mend it."""
    with pytest.raises(InvalidIdentifier, match="for example 00-DB-12-34-56-78-90-A0"):
        DeviceId.parse(text)


@pytest.mark.parametrize("counter", ["0", "-1", "x", "", str(2**64), "1.5", "9" * 41])
def test_a_counter_out_of_range_is_refused(counter: str) -> None:
    """0 < counter < 2^64."""
    with pytest.raises(InvalidIdentifier):
        ServiceRequestId.parse(f"{EUI}:{EUI}:{counter}")


def test_the_largest_counter_fits_the_longest_request_id() -> None:
    """Twenty digits, 68 characters in all."""
    longest = ServiceRequestId.parse(f"{EUI}:{EUI}:{2**64 - 1}")
    assert len(longest) == 68


@given(st.uuids())
def test_event_ids_keep_their_value_in_every_spelling(value: object) -> None:
    """A UUID is compared in canonical lower case."""
    text = str(value)
    for spelling in (text, text.upper(), f" {text} ", "{" + text + "}"):
        assert event_id_text(parse_event_id(spelling)) == text


def test_what_is_no_uuid_is_refused() -> None:
    """An event ID is a UUID."""
    with pytest.raises(InvalidIdentifier, match="UUID"):
        parse_event_id("event-1")
