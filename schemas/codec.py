"""Confluent wire format: a zero byte, a four-byte schema id, an Avro body.

Times are ``int`` milliseconds since 1970 UTC. Decoding refuses with a reason code and a sentence
that says how to fix the record; an unreachable registry is not bad input and raises
:class:`~schemas.registry.RegistryUnavailable`.
"""

from __future__ import annotations

import io
import struct
from typing import Any, Final

import fastavro
from fastavro.types import Schema

from schemas.registry import (
    FileRegistry,
    SchemaRegistry,
    UnknownSchemaId,
    current_schemas,
    parsed,
)

_HEADER: Final = struct.Struct(">bI")
HEADER_LENGTH: Final = _HEADER.size


class BadRecord(ValueError):
    """A record that cannot be folded: a reason code for machines, a sentence for people."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Codec:
    """Encodes this project's records and decodes any compatible writer's."""

    def __init__(self, registry: SchemaRegistry | None = None) -> None:
        self._registry = registry or FileRegistry()
        self._current: dict[str, Schema] = {}
        self._prefixes: dict[str, bytes] = {}
        self._readers: dict[tuple[str, int], tuple[Schema, Schema | None]] = {}

    def encode(self, record: str, value: dict[str, Any]) -> bytes:
        """``value`` framed as ``record``; times in milliseconds."""
        out = io.BytesIO()
        out.write(self.prefix(record))
        fastavro.schemaless_writer(out, self._schema(record), value)
        return out.getvalue()

    def prefix(self, record: str) -> bytes:
        """The five framing bytes of a record of this kind."""
        prefix = self._prefixes.get(record)
        if prefix is None:
            prefix = self._prefixes[record] = _HEADER.pack(0, self._registry.id_of(record))
        return prefix

    def decode(self, record: str, data: bytes | None) -> dict[str, Any]:
        """The fields of ``data``, which must be a ``record``; :class:`BadRecord` if it is not."""
        if data is None:
            raise BadRecord(
                "null-value", "The record has no value: publish the Avro event as value."
            )
        if len(data) < HEADER_LENGTH or data[0] != 0:
            raise BadRecord(
                "bad-framing",
                "The value does not begin with the Confluent magic byte 0 and a schema id: "
                "publish with an Avro serializer in Confluent wire format.",
            )
        writer, reader = self._reader(record, int.from_bytes(data[1:HEADER_LENGTH], "big"))
        body = io.BytesIO(data)
        body.seek(HEADER_LENGTH)
        try:
            value = fastavro.schemaless_reader(body, writer, reader)
        except (EOFError, ValueError, IndexError, OverflowError, MemoryError, TypeError) as error:
            raise BadRecord(
                "bad-avro",
                f"The Avro body does not fit its schema ({type(error).__name__}: {error}).",
            ) from error
        if body.tell() != len(data):
            raise BadRecord(
                "trailing-bytes",
                f"{len(data) - body.tell()} bytes follow the Avro body: "
                "publish one record a message.",
            )
        assert isinstance(value, dict)
        return value

    def _schema(self, record: str) -> Schema:
        schema = self._current.get(record)
        if schema is None:
            schema = self._current[record] = parsed(current_schemas()[record][1])
        return schema

    def _reader(self, record: str, schema_id: int) -> tuple[Schema, Schema | None]:
        """Writer's schema, and ours where it differs (resolution costs time in every record)."""
        known = self._readers.get((record, schema_id))
        if known is not None:
            return known
        try:
            raw = self._registry.schema_of(schema_id)
        except UnknownSchemaId as error:
            raise BadRecord(
                "unknown-schema",
                f"Schema id {schema_id}: {error}. Register the schema, then send the record again.",
            ) from error
        ours = current_schemas()[record][1]
        if (raw.get("namespace"), raw.get("name")) != (ours["namespace"], ours["name"]):
            raise BadRecord(
                "wrong-record",
                f"This topic carries {record}, and schema id {schema_id} is {raw.get('name')}: "
                "publish to the source's own topic.",
            )
        found = (parsed(raw), None if raw == ours else self._schema(record))
        self._readers[(record, schema_id)] = found
        return found
