"""The fast reader of event bodies: what it reads, fastavro reads too; else it says nothing."""

from __future__ import annotations

import io
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import HEADER_LENGTH, Codec
from schemas.flat_records import FlatReader, flat_reader
from schemas.registry import current_schemas
from schemas.writers import parsed
from tests.support.events import dsp_event

EVENTS = ("DspEvent", "CspEvent", "CommsHubEvent", "SsmiEvent")
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(max_size=200),
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**62), 2**62 - 1),
    "null": st.none(),
}


def reader_of(record: str) -> FlatReader:
    """Of one of our events."""
    reader = flat_reader(current_schemas()[record][1])
    assert reader is not None
    return reader


def by_fastavro(record: str, data: bytes) -> dict[str, Any] | None:
    """The fields, or none where they cannot be read or bytes are left."""
    body = io.BytesIO(data)
    body.seek(HEADER_LENGTH)
    try:
        found = fastavro.schemaless_reader(body, parsed(current_schemas()[record][1]), None)
    except Exception:  # whatever it raises of bytes that are no record
        return None
    assert isinstance(found, dict)
    return found if body.tell() == len(data) else None


def value_of(declared: Any) -> st.SearchStrategy[Any]:
    """Any value of a field."""
    if isinstance(declared, list):
        return st.one_of([value_of(each) for each in declared])
    return VALUES[declared["type"] if isinstance(declared, dict) else declared]


@st.composite
def bodies(draw: st.DrawFn) -> tuple[str, bytes]:
    """An event with any values, framed."""
    record = draw(st.sampled_from(EVENTS))
    fields = current_schemas()[record][1]["fields"]
    value = {field["name"]: draw(value_of(field["type"])) for field in fields}
    return record, Codec().encode(record, value)


@given(body=bodies())
def test_it_reads_every_event(body: tuple[str, bytes]) -> None:
    """Texts of any length and script, numbers of up to nine groups of bits, and nulls."""
    record, data = body
    assert reader_of(record).read(data, HEADER_LENGTH) == by_fastavro(record, data)


@given(
    body=bodies(),
    at=st.integers(0, 10_000),
    put=st.binary(max_size=12),
    taken=st.integers(0, 12),
)
def test_of_spoiled_bytes_it_reads_what_fastavro_reads(
    body: tuple[str, bytes], at: int, put: bytes, taken: int
) -> None:
    """Or nothing: cut short, with bytes behind, with others in between."""
    record, data = body
    place = HEADER_LENGTH + at % (len(data) - HEADER_LENGTH + 1)
    spoiled = data[:place] + put + data[place + taken :]
    found = reader_of(record).read(spoiled, HEADER_LENGTH)
    assert found is None or found == by_fastavro(record, spoiled)


@pytest.mark.parametrize(
    "declared",
    [
        "boolean",
        ["string", "null"],
        ["null", "string", "long"],
        {"type": "array", "items": "string"},
        {"type": "int", "logicalType": "date"},
        ["null", {"type": "enum", "name": "E", "symbols": ["A"]}],
    ],
)
def test_a_field_of_another_kind_is_left_to_fastavro(declared: Any) -> None:
    """Then the whole record is."""
    fields = [{"name": "a", "type": "string"}, {"name": "b", "type": declared}]
    assert flat_reader({"type": "record", "name": "R", "fields": fields}) is None


@pytest.mark.parametrize("number", [-(2**63), 2**63 - 1])
def test_the_longest_numbers_are_read_by_fastavro(number: int) -> None:
    """Of ten groups of bits."""
    data = Codec().encode("DspEvent", dsp_event(occurred_at=number))
    assert reader_of("DspEvent").read(data, HEADER_LENGTH) is None
    assert Codec().decode("DspEvent", data)["occurred_at"] == number


@given(body=bodies())
def test_the_codec_gives_the_same_with_it(body: tuple[str, bytes]) -> None:
    """Whichever of the two ran."""
    record, data = body
    assert Codec().decode(record, data) == by_fastavro(record, data)
