"""Schemas of other writers: each is read as ours, or refused with a reason that helps."""

from __future__ import annotations

import io
from copy import deepcopy
from typing import Any

import fastavro
import pytest

from schemas.codec import BadRecord, Codec
from schemas.registry import FileRegistry, current_schemas
from tests.support.events import dsp_event

EVENT = dsp_event(occurred_at=1_795_000_000_123)
FRAME = b"\x00\x00\x00\x00\x63"


class OneSchema(FileRegistry):
    """The files, and under id 99 what a publisher registered."""

    def __init__(self, schema: Any) -> None:
        self._schema = schema

    def schema_of(self, schema_id: int, record: str | None = None) -> Any:
        """As the files, and 99."""
        return self._schema if schema_id == 99 else super().schema_of(schema_id, record)


def changed(field: str, kind: Any) -> dict[str, Any]:
    """Our schema with another type of one field; none takes the field out."""
    schema = ours()
    schema["fields"] = [f for f in schema["fields"] if f["name"] != field]
    if kind is not None:
        schema["fields"].append({"name": field, "type": kind})
    return schema


def ours() -> dict[str, Any]:
    """The DSP's schema as published, to be changed."""
    return deepcopy(current_schemas()["DspEvent"][1])


def written(schema: Any, value: Any = EVENT) -> bytes:
    """A body of any Avro library, framed with id 99."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(deepcopy(schema)), value)
    return FRAME + out.getvalue()


def extra(kind: Any) -> dict[str, Any]:
    """Our schema and one more field before ours."""
    schema = ours()
    schema["fields"].insert(0, {"name": "extra", "type": kind})
    return schema


def nested(levels: int) -> dict[str, Any]:
    """Records side by side, each made of the one before it twice."""
    schema = ours()
    kind: Any = "int"
    for level in range(levels):
        fields = [{"name": "a", "type": kind}, {"name": "b", "type": f"L{level - 1}"}][: level + 1]
        schema["fields"].append(
            {
                "name": f"l{level}",
                "type": {"type": "record", "name": f"L{level}", "fields": fields[:1]},
            }
        )
        kind = f"L{level}"
    return schema


RECURSIVE = {
    "type": "record",
    "name": "Node",
    "fields": [{"name": "next", "type": ["null", "Node"]}],
}
ENUM = {"type": "enum", "name": "Code", "symbols": ["I99"]}

LATER = ("bad-avro", "incompatible-schema")

REFUSED: dict[str, tuple[Any, str]] = {
    "a primitive": ("string", "wrong-record"),
    "null": (None, "wrong-record"),
    "a number": (7, "wrong-record"),
    "an enum": (ENUM, "wrong-record"),
    "a map": ({"type": "map", "values": "string"}, "wrong-record"),
    "a union of our record": ([ours(), "null"], "wrong-record"),
    "an empty object": ({}, "wrong-record"),
    "JSON Schema": ({"type": "object", "properties": {}}, "wrong-record"),
    "no fields": (
        {"type": "record", "name": "uk.co.smartdcc.firmware.DspEvent"},
        "unreadable-schema",
    ),
    "another namespace": (ours() | {"namespace": "com.example"}, "wrong-record"),
    "a name that is not in it": (changed("code", "com.example.Code"), "unreadable-schema"),
    "a field less": (changed("device_id", None), "incompatible-schema"),
    "text as time": (changed("occurred_at", "string"), "incompatible-schema"),
    "a fraction as time": (changed("occurred_at", "double"), "incompatible-schema"),
    "microseconds": (
        changed("occurred_at", {"type": "long", "logicalType": "timestamp-micros"}),
        "incompatible-schema",
    ),
    "days": (changed("occurred_at", {"type": "int", "logicalType": "date"}), "incompatible-schema"),
    "local time": (
        changed("occurred_at", {"type": "long", "logicalType": "local-timestamp-millis"}),
        "incompatible-schema",
    ),
    "an enum as code": (changed("code", ENUM), "incompatible-schema"),
    "an array as code": (
        changed("code", {"type": "array", "items": "string"}),
        "incompatible-schema",
    ),
    "a record as code": (changed("code", RECURSIVE), "unreadable-schema"),
    "a type in itself": (extra(RECURSIVE), "unreadable-schema"),
    "an array of nothing": (extra({"type": "array", "items": "null"}), "unreadable-schema"),
    "a fixed without size": (extra({"type": "fixed", "name": "F"}), "unreadable-schema"),
    "an empty union": (extra([]), "unreadable-schema"),
    "types within types": (nested(10_000), "unreadable-schema"),
    "a name twice": (extra([ENUM, ENUM]), "unreadable-schema"),
    "a library's own marks, believed": (
        ours()
        | {
            "__fastavro_parsed": True,
            "__named_schemas": {"uk.co.smartdcc.firmware.DspEvent": {"type": "record"}},
            "fields": [],
        },
        "",
    ),
    "a library's own marks": (
        ours() | {"__fastavro_parsed": True, "__named_schemas": 7, "fields": 7},
        "unreadable-schema",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_schema_that_cannot_be_read_as_ours_is_refused(kind: str) -> None:
    """Whatever the body; and again from memory for the next record."""
    schema, reason = REFUSED[kind]
    codec = Codec(OneSchema(schema))
    for body in (b"", written(ours())[5:], b"\x02" * 100):
        with pytest.raises(BadRecord) as refused:
            codec.decode("DspEvent", FRAME + body)
        # A body that ends early is refused for that, before what the schema lacks can show.
        assert refused.value.reason in {reason or "unreadable-schema", *LATER}
        assert len(refused.value.detail.encode()) < 2000


def test_json_nested_without_end_is_refused() -> None:
    """Its depth is no reason to run out of stack."""
    schema: Any = "string"
    for _ in range(50_000):
        schema = {"type": "array", "items": schema}
    with pytest.raises(BadRecord, match="unreadable-schema"):
        Codec(OneSchema(extra(schema))).decode("DspEvent", FRAME)


def _dotted() -> dict[str, Any]:
    schema = ours()
    return {**schema, "name": "uk.co.smartdcc.firmware.DspEvent", "namespace": "com.example"}


def _without_namespace() -> dict[str, Any]:
    schema = ours()
    del schema["namespace"]
    return {**schema, "name": "uk.co.smartdcc.firmware.DspEvent"}


READ: dict[str, Any] = {
    "the full name as name": _without_namespace(),
    "the full name beside a namespace": _dotted(),
    "documentation": ours() | {"doc": "ours", "aliases": ["Old"]},
    "another order": ours() | {"fields": ours()["fields"][::-1]},
    "plain milliseconds": changed("occurred_at", "long"),
    "bytes as text": changed("code", "bytes"),
    "a union where ours is text": changed("code", ["null", "string"]),
    "a logical type of its own": changed("code", {"type": "string", "logicalType": "dsp-code"}),
    "a UUID": changed("event_id", {"type": "string", "logicalType": "uuid"}),
}


@pytest.mark.parametrize("kind", READ)
def test_a_schema_that_avro_takes_for_ours_is_read(kind: str) -> None:
    """Names, order, promotions and unions are compared as Avro defines them."""
    schema = READ[kind]
    value = EVENT | {"code": EVENT["code"].encode()} if kind == "bytes as text" else EVENT
    found = Codec(OneSchema(schema)).decode("DspEvent", written(schema, value))
    assert found == EVENT


def test_a_null_where_ours_has_none_is_refused() -> None:
    """The writer's union allows it, our field does not."""
    schema = changed("code", ["null", "string"])
    with pytest.raises(BadRecord, match="incompatible-schema"):
        Codec(OneSchema(schema)).decode("DspEvent", written(schema, EVENT | {"code": None}))


def test_a_name_of_another_schema_is_never_borrowed() -> None:
    """What one publisher's schema defines is unknown in the next one's."""
    Codec(OneSchema(extra(ENUM))).decode("DspEvent", written(extra(ENUM), EVENT | {"extra": "I99"}))
    with pytest.raises(BadRecord, match="unreadable-schema"):
        Codec(OneSchema(extra("uk.co.smartdcc.firmware.Code"))).decode("DspEvent", FRAME)


def test_lengths_that_no_body_has_are_refused() -> None:
    """Of 2 to the 60 bytes, and below zero."""
    good = Codec().encode("DspEvent", EVENT)
    for length in (1 << 60, (1 << 62) + 1, -1, -40):
        zigzag, prefix = (length << 1) ^ (length >> 63), bytearray()
        while zigzag > 0x7F:
            prefix.append(zigzag & 0x7F | 0x80)
            zigzag >>= 7
        prefix.append(zigzag)
        with pytest.raises(BadRecord):
            Codec().decode("DspEvent", good[:5] + bytes(prefix) + good[6:])
