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
from fastavro.read import SchemaResolutionError
from fastavro.types import Schema

from schemas.compiled import folder
from schemas.flat_records import FlatReader, flat_reader
from schemas.registry import (
    FileRegistry,
    RegistryUnavailable,
    SchemaRegistry,
    UnknownSchemaId,
    UnusableSchema,
    current_schemas,
)
from schemas.topics import TOPIC_SOURCES
from schemas.writers import Unreadable, parsed, readable

_HEADER: Final = struct.Struct(">bI")
HEADER_LENGTH: Final = _HEADER.size

_WRITTEN_HERE: Final = frozenset(
    record
    for record, (subject, _) in current_schemas().items()
    if not subject.startswith(tuple(TOPIC_SOURCES))
)
"""Records that only our own programs write. Their schemas were registered before, so an unknown id
means that the registry lost them."""


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
        self._readers: dict[tuple[str, int], tuple[Schema, Schema | None] | BadRecord] = {}
        self._alone: dict[tuple[str, str], Schema] = {}
        self._flat: dict[str, FlatReader | None] = {}

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
        return self._decoded(record, data, None)

    def decode_field(self, record: str, field: str, data: bytes | None) -> Any:
        """One field of ``data``, as :meth:`decode` would give it, at a third of the cost: the
        others are passed over."""
        return self._decoded(record, data, self._only(record, field))[field]

    def _decoded(self, record: str, data: bytes | None, only: Schema | None) -> dict[str, Any]:
        """The fields of ``data`` that ``only`` names, or all of them."""
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
        if reader is None and only is None and (flat := self._flat_of(record)) is not None:
            read = flat.read(data, HEADER_LENGTH)
            if read is not None:
                return read
        body = io.BytesIO(data)
        body.seek(HEADER_LENGTH)
        try:
            value = fastavro.schemaless_reader(body, writer, only or reader)
        except SchemaResolutionError as error:
            raise BadRecord(
                "incompatible-schema",
                f"Its schema, of id {int.from_bytes(data[1:HEADER_LENGTH], 'big')}, does not give "
                f"what {record} must have ({error}): publish with the published schema.",
            ) from error
        except Exception as error:
            # Bytes and schema are the publisher's, and an Avro library may raise anything about
            # them; no code of ours runs in this call.
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

    def _flat_of(self, record: str) -> FlatReader | None:
        """The faster reader of bodies of our schema, where there is one."""
        if record not in self._flat:
            schema = current_schemas()[record][1]
            self._flat[record] = None if folder() is None else flat_reader(schema)
        return self._flat[record]

    def _only(self, record: str, field: str) -> Schema:
        """Our schema of a record with one field."""
        schema = self._alone.get((record, field))
        if schema is None:
            whole = current_schemas()[record][1]
            fields = [each for each in whole["fields"] if each["name"] == field]
            schema = self._alone[record, field] = parsed({**whole, "fields": fields})
        return schema

    def _reader(self, record: str, schema_id: int) -> tuple[Schema, Schema | None]:
        """Writer's schema, and ours where it differs (resolution costs time in every record)."""
        known = self._readers.get((record, schema_id)) or self._judged(record, schema_id)
        if isinstance(known, BadRecord):
            raise BadRecord(known.reason, known.detail)
        return known

    def _judged(self, record: str, schema_id: int) -> tuple[Schema, Schema | None] | BadRecord:
        """Whether records can be read with a registered schema. Asked once: a schema never
        changes."""
        ours = current_schemas()[record][1]
        found: tuple[Schema, Schema | None] | BadRecord
        try:
            theirs = self._registry.schema_of(schema_id, record)
            schema = readable(record, ours, theirs)
            found = (schema, None if theirs == ours else self._schema(record))
        except UnknownSchemaId as error:
            if record in _WRITTEN_HERE:
                raise RegistryUnavailable(
                    f"Schema id {schema_id} of a {record} that stands in our own topic: {error}. "
                    "The registry has lost it: restore the registry, or name the one that was used"
                ) from error
            raise BadRecord(
                "unknown-schema",
                f"Schema id {schema_id}: {error}. Register the schema, then send the record again.",
            ) from error
        except UnusableSchema as error:
            found = BadRecord("unreadable-schema", f"Schema id {schema_id}: {error}.")
        except Unreadable as error:
            found = BadRecord(error.reason, f"Schema id {schema_id}: {error}")
        self._readers[(record, schema_id)] = found
        return found
