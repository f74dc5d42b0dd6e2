"""Whatever is on the wire is folded or refused, and never ends a worker.

What is drawn is in tests/processor/wire_inputs.py; what a registry may answer over HTTP in
tests/schemas/test_registry.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given

from processor.batch import Frame
from processor.partition.dead_letters import RESENT
from processor.partition.folding import Folded, Folding
from processor.safety.poison_probe import Record
from schemas import headers
from schemas.codec import Codec
from schemas.registry import current_schemas
from schemas.topics import DEAD_LETTERS
from tests.processor.wire_inputs import (
    HOLLOW,
    HOME,
    NOW,
    PARTITIONS,
    READER,
    SCHEMAS,
    Drawn,
    Input,
    dsp_schema,
    framed,
    inputs,
    plausible,
)
from tests.support.events import DEVICE


def folded(topic: str, records: Sequence[Record], answer: Any) -> Folded:
    """What the fold of a partition makes of records."""
    folding = Folding(HOME, PARTITIONS, READER, Codec(Drawn(answer)))
    return folding.fold([Frame(topic, 0, records)], lambda _: 0, lambda ds: [None] * len(ds))


def require_folded_or_refused(topic: str, record: Record, answer: Any) -> str | None:
    """The reason of the refusal, whose letter is the original; none if it was folded."""
    found = folded(topic, [record], answer)
    assert found.read == 1
    letters = [out for out in found.outgoing if out.topic == DEAD_LETTERS]
    assert len(letters) == found.dead == 1 - len(found.rows)
    for letter in letters:
        told = {
            n: v.decode(errors="replace") for n, v in letter.headers or () if isinstance(v, bytes)
        }
        assert (letter.key, letter.value) == (record.key, record.value)
        assert len(told[headers.DL_DETAIL]) < 10_000
        return str(told[headers.DL_REASON])
    return None


@given(inputs())
def test_whatever_is_on_the_wire_is_folded_or_refused(drawn: Input) -> None:
    """No exception but a refusal, and nothing is lost."""
    require_folded_or_refused(drawn.topic, drawn.record(), drawn.schema)


@pytest.mark.deep
@given(inputs())
def test_whatever_is_on_the_wire_is_folded_or_refused_20_000_times(drawn: Input) -> None:
    """The same at length."""
    require_folded_or_refused(drawn.topic, drawn.record(), drawn.schema)


@pytest.mark.parametrize("kind", SCHEMAS)
def test_each_kind_of_schema_has_its_reason(kind: str) -> None:
    """The publisher reads it in the dead letter."""
    schema, reason = SCHEMAS[kind]
    assert require_folded_or_refused("firmware.dsp.v1", framed(schema), schema) == reason


def test_a_null_where_ours_has_text_is_refused_and_text_is_read() -> None:
    """One schema, two records: only the record without a code is bad."""
    schema = dsp_schema(code=["null", "string"])
    assert require_folded_or_refused("firmware.dsp.v1", framed(schema), schema) is None
    null = framed(schema, code=None)
    assert require_folded_or_refused("firmware.dsp.v1", null, schema) == "incompatible-schema"


def test_types_that_double_each_other_are_refused() -> None:
    """Forty types without a byte are a million million to read."""
    schema = dsp_schema()
    inner: Any = HOLLOW
    for depth in range(40):
        fields = [{"name": "a", "type": inner}, {"name": "b", "type": "Hollow"}]
        if depth:
            fields[1]["type"] = f"Doubled{depth - 1}"
        inner = {"type": "record", "name": f"Doubled{depth}", "fields": fields}
    schema["fields"].append({"name": "more", "type": inner})
    record = Record(DEVICE.encode(), b"\x00\x00\x00\x00\x63", 7, NOW, ())
    assert require_folded_or_refused("firmware.dsp.v1", record, schema) == "unreadable-schema"


@pytest.mark.parametrize(
    "names",
    [
        {"name": "uk.co.smartdcc.firmware.DspEvent", "namespace": None},
        {"name": "uk.co.smartdcc.firmware.DspEvent"},
        {"name": "uk.co.smartdcc.firmware.DspEvent", "namespace": "some.other"},
    ],
)
def test_a_full_name_may_stand_in_the_name(names: dict[str, Any]) -> None:
    """As Avro defines names: with dots in it, a name needs no namespace and heeds none."""
    schema = {k: v for k, v in (dsp_schema() | names).items() if v is not None}
    assert require_folded_or_refused("firmware.dsp.v1", framed(schema), schema) is None


@pytest.mark.parametrize("name", RESENT)
@pytest.mark.parametrize("value", [None, b"", b"1_0", b"-1", b"\xff"])
def test_headers_of_a_resend_that_are_not_ours_are_refused(name: str, value: bytes | None) -> None:
    """One without a value ended the worker, again after every restart."""
    told = dict.fromkeys(RESENT, b"3") | {headers.RESENT_TOPIC: b"firmware.dsp.v1"} | {name: value}
    record = framed(dsp_schema())
    again = Record(record.key, record.value, 7, NOW, tuple(told.items()))
    found = require_folded_or_refused("firmware.dsp.v1", again, dsp_schema())
    assert found == "invalid-resent-headers"


@pytest.mark.parametrize("field", ["code", "message_code"])
def test_a_code_without_end_is_refused(field: str) -> None:
    """Its beginning may be known, and a row would carry all of it."""
    schema = current_schemas()["CommsHubEvent"][1]
    value = plausible("CommsHubEvent", 1) | {"code": "8F8A", field: "E" * 900_000}
    record = Record(DEVICE.encode(), Codec().encode("CommsHubEvent", value), 7, NOW, ())
    found = require_folded_or_refused("firmware.comms-hub.v1", record, schema)
    assert found == "unknown-code"
