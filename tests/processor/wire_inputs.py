"""Whatever may be on the wire, drawn: schemas that Avro allows and others, framings, bodies, keys.

And the kinds of schema that were met, each with its reason.
"""

from __future__ import annotations

import io
import random
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

import fastavro
from fastavro.utils import generate_one
from hypothesis import strategies as st

from processor.partition.dead_letters import RESENT
from processor.safety.poison_probe import Record
from projections.events import RECORDS, Reader
from schemas import headers
from schemas.codec import Codec
from schemas.partitioning import partition_of
from schemas.registry import FileRegistry, UnknownSchemaId, UnusableSchema, current_schemas
from schemas.topics import DAY_MS, TOPIC_SOURCES
from schemas.writers import Unreadable, parsed
from tests.support.events import DEVICE, REQUEST
from tests.support.rows import CATALOGUE, DEVICE_TYPES

NOW: Final = 1_795_000_000_000
PARTITIONS: Final = 4
HOME: Final = partition_of(DEVICE, PARTITIONS)
DRAWN: Final = 99
"""The schema id behind which a drawn schema stands."""
READER: Final = Reader(CATALOGUE, DEVICE_TYPES, 2 * DAY_MS)

PRIMITIVES: Final = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")
LOGICAL: Final = ("timestamp-millis", "timestamp-micros", "uuid", "decimal", "date", "made-up")
SIMPLE: Final = st.sampled_from(
    [
        *PRIMITIVES,
        {"type": "enum", "name": "E", "symbols": ["I99", "APPROVED"]},
        {"type": "enum", "name": "Empty", "symbols": []},
        {"type": "fixed", "name": "F", "size": 4},
        {"type": "fixed", "name": "Nothing", "size": 0},
        {"type": "record", "name": "Hollow", "fields": []},
        {"type": "record", "name": "Node", "fields": [{"name": "n", "type": ["null", "Node"]}]},
        "DspEvent",
        "of.nobody.Knows",
        {"type": "string"},
        {"type": {"type": "long"}},
        {},
        7,
        None,
    ]
) | st.builds(
    lambda kind, logical: {"type": kind, "logicalType": logical},
    st.sampled_from(PRIMITIVES),
    st.sampled_from(LOGICAL),
)
TYPES: Final = st.recursive(
    SIMPLE,
    lambda inner: (
        st.builds(lambda items: {"type": "array", "items": items}, inner)
        | st.builds(lambda values: {"type": "map", "values": values}, inner)
        | st.lists(inner, max_size=3)
    ),
    max_leaves=4,
)
JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)

SCHEMA_KEYS: Final = ("__fastavro_parsed", "__named_schemas", "fields", "type", "name", "namespace")


class Drawn(FileRegistry):
    """The files, and a drawn answer behind one id."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def schema_of(self, schema_id: int, record: str | None = None) -> Any:
        """The answer, which may be an exception."""
        if schema_id != DRAWN:
            return super().schema_of(schema_id, record)
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


@st.composite
def schemas(draw: st.DrawFn, record: str) -> Any:
    """A record near ours, with fields changed, dropped, renamed or added; or some JSON."""
    if draw(st.integers(0, 9)) == 0:
        return draw(JSON | TYPES | st.just(UnusableSchema("no")) | st.just(UnknownSchemaId("no")))
    schema = deepcopy(current_schemas()[record][1])
    if draw(st.booleans()):
        schema["name"], schema["namespace"] = f"{schema['namespace']}.{schema['name']}", "else"
    for field in draw(st.lists(st.sampled_from(schema["fields"]), max_size=3)):
        change = draw(st.sampled_from(["type", "nullable", "drop", "rename"]))
        if change == "type":
            field["type"] = draw(TYPES)
            field.pop("default", None)
        elif change == "nullable" and not isinstance(field["type"], list):
            field["type"] = ["null", field["type"]]
        elif change == "rename":
            field["name"] = draw(st.sampled_from(["", "7", "device", *field["name"]]))
        elif field in schema["fields"]:
            schema["fields"].remove(field)
    for number in range(draw(st.integers(0, 2))):
        schema["fields"].insert(0, {"name": f"more{number}", "type": draw(TYPES)})
    if draw(st.integers(0, 9)) == 0:
        schema |= draw(st.dictionaries(st.sampled_from(SCHEMA_KEYS), JSON, max_size=3))
    return schema


@dataclass(frozen=True)
class Recipe:
    """How a body is made: by the schema's own writer, by ours, or out of noise; and its damage."""

    kind: str
    seed: int
    noise: bytes
    cut: float | None

    def body(self, record: str, schema: Any) -> bytes:
        """The bytes."""
        if self.kind == "noise":
            return self.noise
        value = plausible(record, self.seed)
        try:
            whole = written(parsed(schema), value) if self.kind == "theirs" else None
        except Exception:  # the drawn schema has no values
            whole = None
        body = whole or Codec().encode(record, value)[5:]
        at = len(body) if self.cut is None else int(self.cut * len(body))
        return body[:at] + (self.noise[:3] + body[at:] if self.cut is not None else b"")


RECIPES: Final = st.builds(
    Recipe,
    st.sampled_from(["theirs", "theirs", "ours", "noise"]),
    st.integers(0, 2**32),
    st.binary(max_size=200) | st.sampled_from([b"\x02" * 5000, b"\xff" * 9]),
    st.none() | st.none() | st.floats(0, 1),
)


def written(schema: Any, value: dict[str, Any]) -> bytes:
    """A value of the schema: ours where it fits, made up where it does not."""
    out = io.BytesIO()
    made_up = generate_one(schema)
    try:
        fastavro.schemaless_writer(out, schema, made_up | value)
    except (ValueError, TypeError, AttributeError, KeyError, OverflowError):
        out = io.BytesIO()
        fastavro.schemaless_writer(out, schema, made_up)
    return out.getvalue()


def plausible(record: str, seed: int) -> dict[str, Any]:
    """Fields of a valid event, some of them in another spelling or out of bounds."""
    chance = random.Random(seed)
    value = {
        "event_id": "00000000-0000-0000-0000-0000000000AA",
        "service_request_id": REQUEST,
        "service_reference_variant": "11.1",
        "device_id": DEVICE,
        "device_type": "ESME",
        "firmware_version": "0002012F",
        "csp_region": "North",
        "comms_hub_id": None,
        "running_version": None,
        "image_hash": None,
        "code": {"DspEvent": "I99", "CspEvent": "APPROVED"}.get(record, "8F8A"),
        "result_code": None,
        "message_code": None,
        "operator": "op",
        "reason": "why",
        "incident_reference": "INC1",
        "seen_event_id": None,
        "detail": None,
        "occurred_at": NOW,
    }
    fields = [field["name"] for field in current_schemas()[record][1]["fields"]]
    strange: dict[str, list[Any]] = {
        "code": ["E" + "X" * 5000, "", "\x00", "i99 ", "E1101\ud7ff"],
        "occurred_at": [0, -(2**63), 2**63 - 1, NOW - 31 * DAY_MS, NOW + DAY_MS],
        "detail": ["é" * 900, "x" * 5000],
        "device_type": ["TOASTER" * 1000, " esme "],
        "result_code": [-1, 2**31 - 1],
        "message_code": ["00CA" * 500, "00ca"],
        "event_id": ["7", "", "{00000000-0000-0000-0000-0000000000AA}"],
    }
    for name, values in strange.items():
        if name in fields and chance.random() < 0.15:
            value[name] = chance.choice(values)
    return {name: value[name] for name in fields}


NUMBERS: Final = st.sampled_from(
    [None, b"", b"0", b"3", b"-1", b"1_0", b" 7", b"99999999999999999999", b"\xd9\xa1", b"\xff"]
)
HEADERS: Final = st.lists(
    st.tuples(
        st.sampled_from(RESENT), NUMBERS | st.sampled_from([t.encode() for t in TOPIC_SOURCES])
    )
    | st.tuples(st.sampled_from([headers.CE_ID, headers.DL_REASON, "trace", ""]), NUMBERS),
    max_size=6,
)
HERE: Final = b"the topic"
RIGHTLY_RESENT: Final = st.just([(headers.RESENT_TOPIC, HERE), *((n, b"1") for n in RESENT[1:])])
KEYS: Final = st.none() | st.binary(max_size=24) | st.just(DEVICE.encode()) | st.just(b"\xff" * 8)


@dataclass(frozen=True)
class Input:
    """A record as it is drawn, and what the registry has behind the drawn id."""

    topic: str
    schema: Any
    recipe: Recipe
    schema_id: int
    framing: bytes | None
    """Instead of the whole value: too little, or a wrong magic byte; none leaves it."""
    key: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]

    def record(self) -> Record:
        """The record on the wire."""
        body = self.recipe.body(RECORDS[TOPIC_SOURCES[self.topic]], self.schema)
        value = b"\x00" + self.schema_id.to_bytes(4, "big") + body
        if self.framing is not None:
            value = self.framing + value[1:] if self.framing == b"\x01" else self.framing
        told = [(n, self.topic.encode() if v == HERE else v) for n, v in self.headers]
        return Record(self.key, value, 7, NOW, tuple(told))


@st.composite
def inputs(draw: st.DrawFn) -> Input:
    """A record on one of the event topics."""
    topic = draw(st.sampled_from(sorted(TOPIC_SOURCES)))
    return Input(
        topic,
        draw(schemas(RECORDS[TOPIC_SOURCES[topic]])),
        draw(RECIPES),
        draw(st.sampled_from([DRAWN] * 6 + [1, 2, 3, 4, 9, 12345, 2**32 - 1])),
        draw(st.sampled_from([None] * 9 + [b"", b"\x00\x00", b"\x01"])),
        draw(st.just(DEVICE.encode()) | KEYS),
        tuple(draw(st.just([]) | st.just([]) | HEADERS | RIGHTLY_RESENT)),
    )


def dsp_schema(**changes: Any) -> dict[str, Any]:
    """Our DspEvent schema with the types of some fields changed, or fields dropped (None)."""
    schema = deepcopy(current_schemas()["DspEvent"][1])
    schema["fields"] = [
        field | {"type": changes.get(field["name"], field["type"])}
        for field in schema["fields"]
        if changes.get(field["name"], "") is not None
    ]
    return schema


def framed(schema: Any, **changes: Any) -> Record:
    """A DSP event as the schema's own writer frames it."""
    value = plausible("DspEvent", 1) | {"code": "I99", "detail": None, "occurred_at": NOW}
    try:
        body = written(parsed(schema), value | changes)
    except Unreadable:
        body = Codec().encode("DspEvent", value)[5:]
    return Record(DEVICE.encode(), b"\x00\x00\x00\x00\x63" + body, 7, NOW, ())


HOLLOW: Final = {"type": "record", "name": "Hollow", "fields": []}

SCHEMAS: Final[dict[str, tuple[Any, str]]] = {
    "a primitive": ("string", "wrong-record"),
    "another record": (current_schemas()["CspEvent"][1], "wrong-record"),
    "a union with ours": (["null", dsp_schema()], "wrong-record"),
    "no Avro": (UnusableSchema("it is registered as PROTOBUF"), "unreadable-schema"),
    "a type that is not in it": (dsp_schema(detail="uk.co.other.Detail"), "unreadable-schema"),
    "fields that are no list": (dsp_schema() | {"fields": 3}, "unreadable-schema"),
    "a type in itself": (
        dsp_schema(
            detail={"type": "record", "name": "N", "fields": [{"name": "n", "type": ["null", "N"]}]}
        ),
        "unreadable-schema",
    ),
    "items without bytes": (
        dsp_schema(detail={"type": "array", "items": HOLLOW}),
        "unreadable-schema",
    ),
    "a field of ours missing": (dsp_schema(service_request_id=None), "incompatible-schema"),
    "time as text": (dsp_schema(occurred_at="string"), "incompatible-schema"),
    "time in microseconds": (
        dsp_schema(occurred_at={"type": "long", "logicalType": "timestamp-micros"}),
        "incompatible-schema",
    ),
    "code as an enumeration": (
        dsp_schema(code={"type": "enum", "name": "Code", "symbols": ["I99"]}),
        "incompatible-schema",
    ),
}
