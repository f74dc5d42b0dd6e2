"""Where schema ids come from: a Confluent-API registry, or the files beside this module.

Both give the same Avro body; only the four id bytes of the framing differ.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import Any, Final, Protocol, TypeVar

NAMESPACE = "uk.co.smartdcc.firmware"

ANSWER_S: Final = 10.0
"""How long one question to a registry may take."""
ASK_AGAIN_S: Final = 5.0
"""For how long an id counts as unknown without asking again."""

_UNKNOWN_KEPT: Final = 10_000
_LARGEST_ID: Final = 2**31 - 1
"""A registry's ids are signed; a record's four bytes can hold larger numbers."""

T = TypeVar("T")

_FILES = resources.files("schemas") / "avro"


class UnknownSchemaId(LookupError):
    """The registry answered, and does not know the id: bad input."""


class NoAvroSchema(ValueError):
    """The registry answered, and what it has is no Avro schema of one piece: bad input."""


class RegistryUnavailable(ConnectionError):
    """The registry did not answer: an outage, to be waited for."""


class SchemaRegistry(Protocol):
    """The two look-ups that the codec needs."""

    def id_of(self, record: str) -> int:
        """The id under which this project's current schema of ``record`` is known."""

    def schema_of(self, schema_id: int) -> Any:
        """The writer's schema behind an id, as parsed JSON: any that a publisher registered.

        Raises :class:`UnknownSchemaId`, :class:`NoAvroSchema` or :class:`RegistryUnavailable`.
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
    """A registry with the Confluent API at ``url``; schemas are kept for the life of the process.

    That an id is not known is asked again after :data:`ASK_AGAIN_S`, by ``clock`` in seconds.
    """

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        from confluent_kafka.schema_registry import SchemaRegistryClient

        self._url = url
        self._clock = clock
        self._client = SchemaRegistryClient({"url": url, "timeout": ANSWER_S, "max.retries": 1})
        self._ids: dict[str, int] = {}
        self._schemas: dict[int, Any] = {}
        self._unknown: dict[int, float] = {}

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

    def schema_of(self, schema_id: int) -> Any:
        """Asks once for each id that there is."""
        if schema_id not in self._schemas:
            self._require_known(schema_id)
            found = self._looked_up(schema_id)
            self._schemas[schema_id] = _avro_of(
                found.schema_type, found.schema_str, found.references
            )
        return self._schemas[schema_id]

    def close(self) -> None:
        """Let go of the connections; a program keeps them for its life."""
        self._client.__exit__()  # type: ignore[no-untyped-call]

    def _looked_up(self, schema_id: int) -> Any:
        try:
            return self._ask(lambda: self._client.get_schema(schema_id))
        except UnknownSchemaId:
            if len(self._unknown) >= _UNKNOWN_KEPT:
                self._unknown.clear()
            self._unknown[schema_id] = self._clock()
            raise

    def _require_known(self, schema_id: int) -> None:
        """A flood of records under one wrong id is not a flood of questions to the registry."""
        asked_at = self._unknown.get(schema_id)
        recently = asked_at is not None and self._clock() - asked_at < ASK_AGAIN_S
        if recently or schema_id > _LARGEST_ID:
            raise UnknownSchemaId(f"the registry at {self._url} does not know it")

    def _ask(self, call: Callable[[], T]) -> T:
        """What the registry answers.

        Only its own word that it does not have what was asked for is bad input. Anything else,
        refused credentials and a proxy's page included, is an outage: no record answers for it.
        """
        from confluent_kafka.schema_registry.error import SchemaRegistryError

        try:
            return call()
        except SchemaRegistryError as error:
            if error.http_status_code == 404 and error.error_code != SchemaRegistryError.UNKNOWN:
                raise UnknownSchemaId(f"the registry at {self._url} does not know it") from error
            raise RegistryUnavailable(f"{self._url} answered {error}{_advice(error)}") from error
        except Exception as error:
            # The client passes on whatever its HTTP library or an answer of another form raises.
            told = f"{type(error).__name__}: {error}"
            raise RegistryUnavailable(
                f"{self._url} gave no answer of a registry ({told})"
            ) from error


def _advice(error: Any) -> str:
    if error.http_status_code in (401, 403):
        return ": the credentials in SCHEMA_REGISTRY_URL are missing or have no right to read"
    return ""


def _avro_of(kind: str | None, text: str | None, references: Any) -> Any:
    """The JSON of an Avro schema; :class:`NoAvroSchema` if it is something else."""
    if kind not in (None, "AVRO"):
        raise NoAvroSchema(f"it is registered as {kind}: publish Avro")
    if references:
        raise NoAvroSchema("it refers to other schemas: register it in one piece")
    try:
        return json.loads(text or "")
    except (ValueError, RecursionError) as error:
        raise NoAvroSchema(f"it is no JSON ({error}): register the published schema") from error


def registry(url: str | None) -> SchemaRegistry:
    """The registry at ``url``, or the files when there is none."""
    return ConfluentRegistry(url) if url else FileRegistry()
