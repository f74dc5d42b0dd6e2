"""Where schema ids come from: a Confluent-API registry, or the files beside this module.

Both give the same Avro body; only the four id bytes of the framing differ.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any, Protocol

from fastavro.schema import parse_schema
from fastavro.types import Schema

NAMESPACE = "uk.co.smartdcc.firmware"

_FILES = resources.files("schemas") / "avro"


class UnknownSchemaId(LookupError):
    """The registry answered, and does not know the id: bad input."""


class RegistryUnavailable(ConnectionError):
    """The registry did not answer: an outage, to be waited for."""


class SchemaRegistry(Protocol):
    """The two look-ups that the codec needs."""

    def id_of(self, record: str) -> int:
        """The id under which this project's current schema of ``record`` is known."""

    def schema_of(self, schema_id: int) -> dict[str, Any]:
        """The writer's schema (as parsed JSON) behind an id.

        Raises :class:`UnknownSchemaId` or :class:`RegistryUnavailable`.
        """


def schema_file(name: str) -> str:
    """The text of a file in ``schemas/avro``."""
    return (_FILES / name).read_text(encoding="utf-8")


@cache
def _listed() -> dict[int, tuple[str, dict[str, Any]]]:
    """id -> (subject, schema), from the files."""
    listing = json.loads(schema_file("registry.json"))
    return {
        int(schema_id): (entry["subject"], json.loads(schema_file(entry["file"])))
        for schema_id, entry in listing.items()
    }


@cache
def current_schemas() -> dict[str, tuple[str, dict[str, Any]]]:
    """Record name -> (subject, schema): the highest id of each record is the current one."""
    return {schema["name"]: (subject, schema) for _, (subject, schema) in sorted(_listed().items())}


class FileRegistry:
    """Ids fixed by ``schemas/avro/registry.json``."""

    def id_of(self, record: str) -> int:
        """The highest id listed for the record."""
        return max(i for i, (_, schema) in _listed().items() if schema["name"] == record)

    def schema_of(self, schema_id: int) -> dict[str, Any]:
        """The listed schema, or :class:`UnknownSchemaId`."""
        try:
            return _listed()[schema_id][1]
        except KeyError:
            raise UnknownSchemaId(f"schema id {schema_id} is not in registry.json") from None


class ConfluentRegistry:
    """A registry with the Confluent API at ``url``; answers are kept for the life of the
    process."""

    def __init__(self, url: str) -> None:
        from confluent_kafka.schema_registry import SchemaRegistryClient

        self._url = url
        self._client = SchemaRegistryClient({"url": url})
        self._ids: dict[str, int] = {}
        self._schemas: dict[int, dict[str, Any]] = {}

    def id_of(self, record: str) -> int:
        """Registers the current schema of ``record`` (a known one keeps its id)."""
        if record not in self._ids:
            from confluent_kafka.schema_registry import Schema as RegisteredSchema

            subject, schema = current_schemas()[record]
            text = json.dumps(schema)
            self._ids[record] = self._ask(
                lambda: self._client.register_schema(subject, RegisteredSchema(text, "AVRO"))
            )
        return self._ids[record]

    def schema_of(self, schema_id: int) -> dict[str, Any]:
        """Asks once for each id."""
        if schema_id not in self._schemas:
            found = self._ask(lambda: self._client.get_schema(schema_id))
            self._schemas[schema_id] = json.loads(found.schema_str)
        return self._schemas[schema_id]

    def _ask(self, call: Any) -> Any:
        from confluent_kafka.schema_registry.error import SchemaRegistryError
        from httpx import TransportError

        try:
            return call()
        except SchemaRegistryError as error:
            if error.http_status_code == 404:
                raise UnknownSchemaId(f"the registry at {self._url} does not know it") from error
            if error.http_status_code >= 500:
                raise RegistryUnavailable(f"{self._url} answered {error}") from error
            raise
        except TransportError as error:
            raise RegistryUnavailable(f"{self._url} did not answer: {error}") from error


def registry(url: str | None) -> SchemaRegistry:
    """The registry at ``url``, or the files when there is none."""
    return ConfluentRegistry(url) if url else FileRegistry()


def parsed(schema: dict[str, Any]) -> Schema:
    """Parsed for fastavro, with times left as the integers they are on the wire.

    A timestamp logical type would build a ``datetime`` a field, the dearest part of a decode.
    """
    return parse_schema(_without_logical_types(schema))


def _without_logical_types(node: Any) -> Any:
    if isinstance(node, dict):
        return {k: _without_logical_types(v) for k, v in node.items() if k != "logicalType"}
    if isinstance(node, list):
        return [_without_logical_types(v) for v in node]
    return node
