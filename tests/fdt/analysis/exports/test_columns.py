"""Records read as columns are what the codec reads one by one, whatever their bytes."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fdt.analysis.exports.columns import ColumnDecoder, Decoded
from projections.events import RECORDS
from schemas.codec import BadRecord, Codec
from schemas.topics import TOPIC_SOURCES
from sources.planning.plan import build_plan
from sources.schedule import Schedule
from tests.support.events import dsp_event
from tests.support.plans import wires

CODEC = Codec()
RECORD = "DspEvent"


def published() -> dict[str, list[bytes | None]]:
    """Values of every kind of journey, by topic."""
    found: dict[str, list[bytes | None]] = {topic: [] for topic in TOPIC_SOURCES}
    plan = build_plan(seed=7, requests=3, devices=200)
    for wire in wires(plan, Schedule.starting(1_790_000_000_000, 1_000_000.0), 4):
        found[wire.topic].append(wire.value)
    return found


PUBLISHED = published()


def require_same(found: Decoded, record: str, values: list[bytes | None]) -> int:
    """Field by field what the codec says, refusals included; how many were refused."""
    refused = 0
    told = {name: column.to_pylist() for name, column in found.fields.items()}
    problems = found.problems.to_pylist()
    for row, value in enumerate(values):
        try:
            fields, problem = CODEC.decode(record, value), None
        except BadRecord as bad:
            fields, problem = dict.fromkeys(told), bad.reason
            refused += 1
        assert problems[row] == problem, value
        assert {name: column[row] for name, column in told.items()} == fields, value
    return refused


@pytest.mark.parametrize("topic", TOPIC_SOURCES)
def test_what_is_published_is_read_as_the_codec_reads_it(topic: str) -> None:
    """Malformed records among them."""
    values, record = PUBLISHED[topic], RECORDS[TOPIC_SOURCES[topic]]
    assert len(values) > 5
    require_same(ColumnDecoder(CODEC, record).decode(values), record, values)


@pytest.mark.parametrize("topic", TOPIC_SOURCES)
def test_spoiled_bytes_are_refused_as_the_codec_refuses_them(topic: str) -> None:
    """Bytes changed, cut off and put behind: no record reads beyond its end into the next."""
    chance, values = random.Random(3), list[bytes | None]()
    for value in PUBLISHED[topic] * 5:
        spoiled = bytearray(value or b"")
        for _ in range(chance.randint(0, 2)):
            if spoiled:
                spoiled[chance.randrange(len(spoiled))] = chance.choice([0, 1, 2, 3, 128, 255, 77])
        cut = chance.choice([0, 0, 0, 1, 5, 30])
        values.append(bytes(spoiled)[: len(spoiled) - cut] + chance.choice([b"", b"", b"\0"]))
    values += [None, b"", b"\0", b"\0\0\0\0\1"]
    record = RECORDS[TOPIC_SOURCES[topic]]
    refused = require_same(ColumnDecoder(CODEC, record).decode(values), record, values)
    assert len(values) / 5 < refused < len(values)


@given(st.lists(st.tuples(st.text(), st.none() | st.text(), st.integers(-(2**63), 2**63 - 1))))
def test_any_text_and_any_number(fields: list[tuple[str, str | None, int]]) -> None:
    """Of every length, empty ones and none at all."""
    values: list[bytes | None] = [
        CODEC.encode(RECORD, dsp_event(code=code, detail=detail, occurred_at=at))
        for code, detail, at in fields
    ]
    assert require_same(ColumnDecoder(CODEC, RECORD).decode(values), RECORD, values) == 0


def test_many_bytes_are_read_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The offsets of Arrow's strings have 31 bits."""
    monkeypatch.setattr("fdt.analysis.exports.columns._LARGEST", 2_000)
    values = [*PUBLISHED["firmware.dsp.v1"][:40], None]
    assert require_same(ColumnDecoder(CODEC, RECORD).decode(values), RECORD, values) > 0
