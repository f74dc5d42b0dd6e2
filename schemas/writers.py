"""Decides whether a writer's schema can be read as one of our records; the codec asks once an id.

A registered schema is a publisher's input like the record itself: it may be any Avro schema, or
none at all. Every refusal says how the publisher mends it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from fastavro.schema import parse_schema
from fastavro.types import Schema

from schemas.registry import full_name

MOST_NODES: Final = 1_000
"""Most types in a schema, each counted as often as it is used. Ours have about 20. Types without
bytes that use each other twice grow to any number, and a body of one byte would be read for
ever."""

_CHANGE_MEANING: Final = frozenset(
    (
        *("decimal", "big-decimal", "date", "time-millis", "time-micros", "duration"),
        *("timestamp-millis", "timestamp-micros", "timestamp-nanos"),
        *("local-timestamp-millis", "local-timestamp-micros", "local-timestamp-nanos"),
    )
)
"""Logical types of Avro 1.12 that change what a value means; Avro ignores those that it does not
know."""


_PARSERS_OWN: Final = frozenset(("__fastavro_parsed", "__named_schemas"))
"""Keys by which fastavro marks a schema that it has parsed: it would trust a publisher's."""


class Unreadable(ValueError):
    """A schema that records are not read with: a reason code and a sentence, as of a refusal."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def readable(record: str, ours: dict[str, Any], theirs: Any) -> Schema:
    """``theirs``, JSON as a registry gave it, parsed for fastavro.

    Raises :class:`Unreadable`: ``wrong-record`` for another record's schema, ``unreadable-schema``
    for one that cannot be read with or would exhaust the reader, ``incompatible-schema`` for a
    field in another unit. What Avro itself does not resolve shows when a body is read.
    """
    _require_record(record, ours, theirs)
    schema = parsed(theirs)
    _Walk(schema).cost(schema)
    _require_units(ours, theirs)
    return schema


def parsed(schema: Any) -> Schema:
    """Parsed for fastavro, with times left as the integers they are on the wire.

    A timestamp logical type would build a ``datetime`` a field, the most expensive part of a
    decode. Raises :class:`Unreadable`.
    """
    try:
        return parse_schema(_without_logical_types(schema))
    except Exception as error:
        # Any error about a schema that we did not write is a fault of that schema.
        raise _unusable(f"it is no valid Avro schema ({type(error).__name__}: {error})") from error


def _without_logical_types(node: Any) -> Any:
    if isinstance(node, dict):
        return {
            k: _without_logical_types(v)
            for k, v in node.items()
            if k != "logicalType" and k not in _PARSERS_OWN
        }
    if isinstance(node, list):
        return [_without_logical_types(v) for v in node]
    return node


def _require_record(record: str, ours: dict[str, Any], theirs: Any) -> None:
    known = isinstance(theirs, dict) and theirs.get("type") == "record"
    if known and full_name(theirs) == full_name(ours):
        return
    what = full_name(theirs) if known else str(theirs)[:80]
    raise Unreadable(
        "wrong-record",
        f"This topic carries {record}, and the schema is {what}: publish to the source's topic.",
    )


def _require_units(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """Avro would read microseconds as milliseconds, and a decimal's bytes as text."""
    known = {field["name"]: set(_logical_types(field["type"])) for field in ours["fields"]}
    for field in theirs.get("fields", ()):
        found = _CHANGE_MEANING & set(_logical_types(field["type"]))
        allowed = known.get(field["name"], found)
        if found - allowed:
            raise Unreadable(
                "incompatible-schema",
                f"Its field {field['name']} is {', '.join(sorted(found - allowed))}, and ours is "
                f"{', '.join(known[field['name']]) or 'plain'}: write it as the published schema "
                "does.",
            )


def _logical_types(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if "logicalType" in node:
            yield str(node["logicalType"])
        yield from (
            found for key in ("type", "items", "values") for found in _logical_types(node.get(key))
        )
    elif isinstance(node, list):
        yield from (found for branch in node for found in _logical_types(branch))


@dataclass(frozen=True, slots=True)
class _Cost:
    """The least bytes that a value takes, and how many types are visited for it."""

    least_bytes: int
    nodes: int


_ONE: Final = _Cost(1, 1)


class _Walk:
    """Visits every type of a parsed schema, each named one once."""

    def __init__(self, schema: Any) -> None:
        self._named: dict[str, Any] = schema["__named_schemas"]
        self._known: dict[str, _Cost] = {}
        self._inside: set[str] = set()

    def cost(self, node: Any) -> _Cost:
        """The cost of a type; :class:`Unreadable` if one contains itself, or has no end."""
        if isinstance(node, list):
            return _Cost(1, 1 + sum(self.cost(branch).nodes for branch in node))
        if isinstance(node, str):
            return self._of_name(node) if node in self._named else _Cost(int(node != "null"), 1)
        kind = node["type"]
        if kind == "record":
            return self._of_name(node["name"])
        if kind == "fixed":
            return _Cost(node["size"], 1)
        if kind in ("array", "map"):
            return self._of_many(kind, node)
        return _ONE if kind == "enum" else self.cost(kind)

    def _of_name(self, name: str) -> _Cost:
        """A named type: of a record, the sum of its fields."""
        if name in self._inside:
            raise _unusable(f"type {name} contains itself, which no field of ours does")
        if name not in self._known:
            self._inside.add(name)
            self._known[name] = self._of_definition(self._named[name])
            self._inside.remove(name)
        return self._known[name]

    def _of_definition(self, definition: dict[str, Any]) -> _Cost:
        if definition["type"] != "record":
            return self.cost(definition)
        fields = [self.cost(field["type"]) for field in definition["fields"]]
        found = _Cost(sum(f.least_bytes for f in fields), 1 + sum(f.nodes for f in fields))
        if found.nodes > MOST_NODES:
            raise _unusable(f"it has more than {MOST_NODES} types, each counted where it is used")
        return found

    def _of_many(self, kind: str, node: dict[str, Any]) -> _Cost:
        items = self.cost(node["items"] if kind == "array" else node["values"])
        if kind == "array" and items.least_bytes == 0:
            raise _unusable("an array has items without bytes, so a short body has no end")
        return _Cost(1, 1 + items.nodes)


def _unusable(why: str) -> Unreadable:
    return Unreadable(
        "unreadable-schema", f"The schema cannot be used, {why}: publish with the published schema."
    )
