"""Samples of records, read from files: wire bytes, or JSON with a record's name.

A JSON file holds one sample, a list of samples, or one on each line. Fields of a sample:

* ``record``: such as ``DspEvent``; or ``topic``
* ``value``: its fields, unions plain (``null``, ``"x"``) or as Avro's own JSON has them
  (``{"string": "x"}``); or ``value_base64``: the bytes on the wire
* ``key``: text or null; without it the Device ID of the record
* ``headers``: names and texts
* ``partition``: where it stands; without it where Java's partitioner puts the key
* ``received_at``: by the broker, milliseconds since 1970 UTC; without it the time that is asked for
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fastavro.validation import ValidationError, validate

from fdt.errors import UserError
from projections.events import RECORDS
from schemas.codec import HEADER_LENGTH, Codec
from schemas.registry import SchemaRegistry, UnknownSchemaId, UnusableSchema, current_schemas
from schemas.topics import SOURCE_TOPICS, TOPIC_SOURCES
from schemas.writers import parsed

TOPICS_OF: Final = {record: SOURCE_TOPICS[source] for source, record in RECORDS.items()}
"""Record -> the topic it is published to."""

_FIELDS: Final = frozenset(
    ("record", "topic", "value", "value_base64", "key", "headers", "partition", "received_at")
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One record, as it would be published."""

    name: str
    """The file, and the number of the sample in it where it holds more than one."""
    topic: str | None
    """None where neither the sample nor its schema id says it."""
    value: bytes | None
    key: bytes | None = None
    has_key: bool = False
    """Whether the sample says itself what its key is, if only that it has none."""
    headers: tuple[tuple[str, bytes | None], ...] = ()
    partition: int | None = None
    received_at: int | None = None
    """Milliseconds since 1970 UTC."""
    not_encodable: str | None = None
    """Why the fields are no value of the published schema: a serializer refuses to write them."""


class Samples:
    """Reads samples with the schemas of ``registry``; ``topic`` is that of files without one."""

    def __init__(self, registry: SchemaRegistry, topic: str | None = None) -> None:
        self._registry = registry
        self._codec = Codec(registry)
        self._topic = topic

    def of(self, path: Path) -> Iterator[Sample]:
        """The samples of a file; :class:`~fdt.errors.UserError` for one that holds none."""
        try:
            data = path.read_bytes()
        except OSError as error:
            raise UserError(f"{path} cannot be read: {error.strerror}.") from error
        found = None if data[:1] == b"\0" else _objects(path, data)
        if found is None:
            yield Sample(str(path), self._topic or self._topic_of(data), data)
            return
        for number, one in enumerate(found, 1):
            yield self._sample(str(path) if len(found) == 1 else f"{path}#{number}", one)

    def _sample(self, name: str, one: Any) -> Sample:
        if not isinstance(one, dict):
            raise _wrong(name, "it is no JSON object")
        if unknown := sorted(one.keys() - _FIELDS):
            raise _wrong(name, f"{', '.join(unknown)} is no field of a sample")
        topic, record = self._topic_named(name, one)
        value, refusal = self._value(name, record, one)
        if topic is None:
            topic = self._topic_of(value or b"")
        key = _typed(name, one, "key", str)
        headers = _typed(name, one, "headers", dict) or {}
        return Sample(
            name=name,
            topic=topic,
            value=value,
            key=None if key is None else key.encode(),
            has_key="key" in one,
            headers=tuple((n, None if v is None else str(v).encode()) for n, v in headers.items()),
            partition=_typed(name, one, "partition", int),
            received_at=_typed(name, one, "received_at", int),
            not_encodable=refusal,
        )

    def _topic_named(self, name: str, one: dict[str, Any]) -> tuple[str | None, str | None]:
        """Topic and record, where the sample says one of them."""
        record, topic = _typed(name, one, "record", str), _typed(name, one, "topic", str)
        topic = topic or TOPICS_OF.get(record or "") or self._topic
        if record is not None and record not in TOPICS_OF:
            raise _wrong(name, f"record {record!r} is none of {', '.join(TOPICS_OF)}")
        if topic is not None and topic not in TOPIC_SOURCES:
            raise _wrong(name, f"topic {topic!r} is none of {', '.join(TOPIC_SOURCES)}")
        if record is None and topic is not None:
            record = RECORDS[TOPIC_SOURCES[topic]]
        return topic, record

    def _value(
        self, name: str, record: str | None, one: dict[str, Any]
    ) -> tuple[bytes | None, str | None]:
        """The bytes on the wire; or why the fields cannot become any."""
        if ("value" in one) == ("value_base64" in one):
            raise _wrong(name, "it needs either value (fields) or value_base64 (wire bytes)")
        if (text := _typed(name, one, "value_base64", str)) is not None:
            try:
                return base64.b64decode(text, validate=True), None
            except binascii.Error as error:
                raise _wrong(name, f"value_base64 is no base64 ({error})") from error
        fields = _typed(name, one, "value", dict)
        if fields is None:
            return None, None
        if record is None:
            raise _wrong(name, "it does not say its record, such as DspEvent")
        return self._encoded(record, fields)

    def _encoded(self, record: str, fields: dict[str, Any]) -> tuple[bytes | None, str | None]:
        schema = current_schemas()[record][1]
        known = {field["name"]: field["type"] for field in schema["fields"]}
        if unknown := sorted(fields.keys() - known.keys()):
            return None, f"{record} has no field {', '.join(unknown)}."
        plain = {name: _plain(value, known[name]) for name, value in fields.items()}
        try:
            validate(plain, parsed(schema), raise_errors=True)
        except ValidationError as error:
            return None, f"The fields are no {record}: {_told(error)}."
        return self._codec.encode(record, plain), None

    def _topic_of(self, value: bytes) -> str | None:
        """The topic of the record whose schema the bytes name, where the registry knows it."""
        if len(value) < HEADER_LENGTH or value[0] != 0:
            return None
        try:
            schema = self._registry.schema_of(int.from_bytes(value[1:HEADER_LENGTH], "big"))
        except (UnknownSchemaId, UnusableSchema):
            return None  # judging the sample reports it
        name = schema.get("name", "") if isinstance(schema, dict) else ""
        return TOPICS_OF.get(str(name).rpartition(".")[2])


def _objects(path: Path, data: bytes) -> list[Any] | None:
    """The JSON values of a file: of one document, or of each line; None if it is no JSON."""
    if not data.strip().startswith((b"{", b"[")):
        return None
    try:
        found = json.loads(data)
        return found if isinstance(found, list) else [found]
    except ValueError as whole:
        lines = [line for line in data.splitlines() if line.strip()]
        try:
            return [json.loads(line) for line in lines]
        except ValueError:
            raise UserError(f"{path} is no JSON ({whole}), nor is each of its lines.") from whole


def _plain(value: Any, kind: Any) -> Any:
    """A union's value without the name of its branch."""
    if isinstance(kind, list) and isinstance(value, dict) and len(value) == 1:
        branches = {one if isinstance(one, str) else one.get("type") for one in kind}
        (branch,) = value
        if branch in branches:
            return value[branch]
    return value


def _told(error: ValidationError) -> str:
    found = [
        f"{one.field.rpartition('.')[2]} is "
        + ("missing" if one.datum is None else f"{one.datum!r}, of another type")
        for one in error.errors
    ]
    return "; ".join(found)


def _typed(name: str, one: dict[str, Any], field: str, kind: type[Any]) -> Any:
    value = one.get(field)
    if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
        raise _wrong(name, f"{field} is {value!r}, which is no {kind.__name__}")
    return value


def _wrong(name: str, why: str) -> UserError:
    return UserError(
        f"{name} is no sample: {why}. One looks like "
        '{"record": "DspEvent", "value": {"event_id": "…", …}}.'
    )
