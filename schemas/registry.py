"""Looks schema ids up: in a registry with the Confluent API, or in the files beside this module.

Both give the same Avro body; only the four id bytes of the framing differ.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

if TYPE_CHECKING:
    from confluent_kafka.schema_registry import Schema as RegisteredSchema
    from confluent_kafka.schema_registry import SchemaRegistryClient

NAMESPACE = "uk.co.smartdcc.firmware"

ANSWER_S: Final = 8.0
"""Timeout of one request to a registry, in seconds: an outage is reported within ten."""
ASK_AGAIN_S: Final = 5.0
"""Seconds for which an unknown id is not asked for again."""

_CONFLICT: Final = 409
_REFUSALS: Final = (401, 403)
_LONGEST_TOLD: Final = 500
"""Characters of an error that a log line repeats: a gateway may answer with a page."""
_UNKNOWN_KEPT: Final = 10_000
_LARGEST_ID: Final = 2**31 - 1
"""A registry's ids are signed; a record's four bytes can hold larger numbers."""

T = TypeVar("T")

_FILES = resources.files("schemas") / "avro"


class UnknownSchemaId(LookupError):
    """The registry answered, and does not know the id: bad input."""


class UnusableSchema(ValueError):
    """What the registry has is not one self-contained Avro schema, or the id means two: bad
    input."""


class Incompatible(ValueError):
    """The registry refuses a schema beside those that its subject has."""


class RegistryUnavailable(ConnectionError):
    """The registry did not answer: an outage, to be waited for."""


class SchemaRegistry(Protocol):
    """The two look-ups that the codec needs."""

    def id_of(self, record: str) -> int:
        """The id under which this project's current schema of ``record`` is known."""

    def schema_of(self, schema_id: int, record: str | None = None) -> Any:
        """The writer's schema behind an id, as parsed JSON: any that a publisher registered.

        ``record`` is what is expected to be written with it, where that is known. Raises
        :class:`UnknownSchemaId`, :class:`UnusableSchema` or :class:`RegistryUnavailable`.
        """


def schema_file(name: str) -> str:
    """The text of a file in ``schemas/avro``."""
    return (_FILES / name).read_text(encoding="utf-8")


@cache
def listed() -> dict[int, tuple[str, dict[str, Any]]]:
    """id -> (subject, schema), from the files: every version of each record, the older first."""
    listing = json.loads(schema_file("registry.json"))
    return {
        int(schema_id): (entry["subject"], json.loads(schema_file(entry["file"])))
        for schema_id, entry in listing.items()
    }


@cache
def current_schemas() -> dict[str, tuple[str, dict[str, Any]]]:
    """Record name -> (subject, schema): the highest id of each record is the current one."""
    return {schema["name"]: (subject, schema) for _, (subject, schema) in sorted(listed().items())}


class FileRegistry:
    """Ids fixed by ``schemas/avro/registry.json``."""

    def id_of(self, record: str) -> int:
        """The highest id listed for the record."""
        return max(i for i, (_, schema) in listed().items() if schema["name"] == record)

    def schema_of(self, schema_id: int, record: str | None = None) -> dict[str, Any]:
        """The listed schema, or :class:`UnknownSchemaId`."""
        try:
            return listed()[schema_id][1]
        except KeyError:
            raise UnknownSchemaId(f"schema id {schema_id} is not in registry.json") from None


class ConfluentRegistry:
    """A registry with the Confluent API at ``url``; schemas are kept for the life of the process.

    ``access`` gives the client's settings (credentials, certificates) as they are now: after a
    failed request the client is made anew with them. An unknown id is asked for again after
    :data:`ASK_AGAIN_S`; ``clock`` gives seconds. A registry that answers 429 or 503 with
    ``Retry-After`` is asked nothing meanwhile, and is unavailable.
    """

    def __init__(
        self,
        url: str,
        access: Callable[[], Mapping[str, str]] = dict,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._clock = clock
        self._access = access
        self._client = self._made()
        self._ids: dict[str, int] = {}
        self._schemas: dict[int, Any] = {}
        self._unknown: dict[int, float] = {}
        self._not_before = clock()

    def _made(self) -> SchemaRegistryClient:
        from confluent_kafka.schema_registry import SchemaRegistryClient

        from schemas.registry_answers import guard

        settings = {"url": self._url, "timeout": ANSWER_S, "max.retries": 0, **self._access()}
        client = SchemaRegistryClient(settings)
        guard(client)
        return client

    def _renew(self) -> None:
        """Make the client anew, with what the credential files hold now."""
        old = self._client
        try:
            self._client = self._made()
        except (OSError, ValueError):
            return  # a file is being replaced: the failed request reports its own error
        old.__exit__()  # type: ignore[no-untyped-call]

    def id_of(self, record: str) -> int:
        """The id that the current schema of ``record`` was registered under; never registers it.

        A registry that lost everything would give ids that mean something else once it is
        restored. Raises :class:`RegistryUnavailable` until it has the schema.
        """
        if record not in self._ids:
            self._ids[record] = self._registered(*current_schemas()[record])
        return self._ids[record]

    def _registered(self, subject: str, schema: dict[str, Any]) -> int:
        try:
            found = self._ask(lambda: self._client.lookup_schema(subject, _sent(schema)))
        except UnknownSchemaId as error:
            raise RegistryUnavailable(
                f"{self._url} does not have the schema of {schema['name']}: register the published "
                "schemas with fdt registry, or restore the registry if it had them"
            ) from error
        assert found.schema_id is not None
        return found.schema_id

    def register(self, subject: str, schema: dict[str, Any]) -> int:
        """The id of a schema, which is registered if it is not yet.

        Raises :class:`Incompatible` or :class:`RegistryUnavailable`.
        """
        return self._ask(lambda: self._client.register_schema(subject, _sent(schema)))

    def has(self, subject: str, schema: dict[str, Any]) -> bool:
        """Whether a schema is registered under a subject; :class:`RegistryUnavailable`."""
        try:
            self._ask(lambda: self._client.lookup_schema(subject, _sent(schema)))
        except UnknownSchemaId:
            return False
        return True

    def level_of(self, subject: str) -> str:
        """The compatibility level of a subject: its own, or else the registry's default.

        Raises :class:`RegistryUnavailable`.
        """
        try:
            return str(self._ask(lambda: self._client.get_compatibility(subject)))
        except UnknownSchemaId:
            return str(self._ask(lambda: self._client.get_compatibility()))

    def guard(self, subject: str, level: str) -> None:
        """Set a subject's compatibility level: the registry then refuses schemas that break it.

        Raises :class:`RegistryUnavailable`.
        """
        self._ask(lambda: self._client.set_compatibility(subject, level))

    def schema_of(self, schema_id: int, record: str | None = None) -> Any:
        """Asks once for each id that the registry knows."""
        if schema_id not in self._schemas:
            self._require_known(schema_id)
            found = self._looked_up(schema_id)
            self._schemas[schema_id] = _avro_of(
                found.schema_type, found.schema_str, found.references
            )
        return self._schemas[schema_id]

    def close(self) -> None:
        """Close the connections; a program keeps them for its life."""
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
        """Many records under one wrong id must not cause as many requests to the registry."""
        asked_at = self._unknown.get(schema_id)
        recently = asked_at is not None and self._clock() - asked_at < ASK_AGAIN_S
        if recently or schema_id > _LARGEST_ID:
            raise UnknownSchemaId(f"the registry at {self._url} does not know it")

    def _ask(self, call: Callable[[], T]) -> T:
        """What the registry answers.

        Only its own 404 is bad input. Anything else, refused credentials and a proxy's page
        included, is an outage, which no record is refused for.
        """
        from confluent_kafka.schema_registry.error import SchemaRegistryError

        from schemas.registry_answers import AnswerTooLarge, PutOff

        if (left := self._not_before - self._clock()) > 0:
            raise RegistryUnavailable(f"{self._url} is to be asked again in {left:.0f} s")
        try:
            return call()
        except PutOff as error:
            self._not_before = self._clock() + error.after_s
            raise RegistryUnavailable(
                f"{self._url} is to be asked again in {error.after_s:.0f} s: {error}"
            ) from error
        except SchemaRegistryError as error:
            if error.http_status_code == 404 and error.error_code != SchemaRegistryError.UNKNOWN:
                raise UnknownSchemaId(f"the registry at {self._url} does not know it") from error
            if error.http_status_code == _CONFLICT:
                raise Incompatible(f"the registry at {self._url} says: {error}") from error
            if error.http_status_code in _REFUSALS:
                self._renew()
            told = str(error)[:_LONGEST_TOLD]
            raise RegistryUnavailable(f"{self._url} answered {told}{_advice(error)}") from error
        except Exception as error:
            if isinstance(error, AnswerTooLarge) and error.is_schema:
                raise UnusableSchema(f"{error}: register the published schema") from error
            self._renew()
            # The client also passes on errors of its HTTP library, and of answers in another form.
            told = f"{type(error).__name__}: {error}"
            raise RegistryUnavailable(
                f"{self._url} gave no answer of a registry ({told})"
            ) from error


def _sent(schema: dict[str, Any]) -> RegisteredSchema:
    """A schema as the client takes it."""
    from confluent_kafka.schema_registry import Schema

    return Schema(json.dumps(schema), "AVRO")


def _advice(error: Any) -> str:
    if error.http_status_code in _REFUSALS:
        return (
            ": the credentials are missing or have no right to read "
            "(FDT_SCHEMA_REGISTRY_USER, or those in SCHEMA_REGISTRY_URL)"
        )
    return ""


def _avro_of(kind: str | None, text: str | None, references: Any) -> Any:
    """The JSON of an Avro schema; :class:`UnusableSchema` if it is something else."""
    if kind not in (None, "AVRO"):
        raise UnusableSchema(f"it is registered as {kind}: publish Avro")
    if references:
        raise UnusableSchema("it refers to other schemas: register it in one piece")
    try:
        return json.loads(text or "")
    except (ValueError, RecursionError) as error:
        raise UnusableSchema(f"it is no JSON ({error}): register the published schema") from error


class KeptFileIds:
    """A registry, for topics that also hold older records under the ids of the files.

    One id may then mean two schemas. The expected record decides, because a topic's publishers
    write one record only: the file's schema counts where the files have that record under the id
    and the registry does not. Where both have it and the schemas differ, the record is refused;
    ``fdt registry`` reports such an id before it is used.
    """

    def __init__(self, registry: ConfluentRegistry) -> None:
        self._registry = registry

    def id_of(self, record: str) -> int:
        """The registry's: what is written from now on."""
        return self._registry.id_of(record)

    def schema_of(self, schema_id: int, record: str | None = None) -> Any:
        """The files' or the registry's."""
        _, ours = listed().get(schema_id, ("", {"name": ""}))
        if ours["name"] != record:
            return self._registry.schema_of(schema_id, record)
        if two_meanings(self._registry, schema_id):
            raise UnusableSchema(
                f"it means {record} of registry.json and another {record} of the registry: "
                "register the schema anew so that it has an id of its own"
            )
        return ours


def two_meanings(registry: SchemaRegistry, schema_id: int) -> bool:
    """Whether a registry has, under an id of the files, another schema of the same record.

    Raises :class:`RegistryUnavailable`.
    """
    ours = listed()[schema_id][1]
    try:
        theirs = registry.schema_of(schema_id, ours["name"])
    except (UnknownSchemaId, UnusableSchema):
        return False
    return bool(theirs != ours and full_name(theirs) == full_name(ours))


def full_name(schema: Any) -> str | None:
    """Full name of a schema, as Avro defines it: a dot in ``name`` outranks ``namespace``. None for
    what has no name."""
    if not isinstance(schema, dict) or not isinstance(schema.get("name"), str):
        return None
    name: str = schema["name"]
    space = schema.get("namespace")
    return name if "." in name or not space else f"{space}.{name}"
