"""Schemas evolve so that every reader understands every earlier writer (BACKWARD_TRANSITIVE)."""

from __future__ import annotations

import io
import json
from itertools import combinations
from typing import Any

import fastavro
import pytest
from fastavro.types import Schema
from fastavro.utils import generate_many
from fastavro.validation import validate

from schemas.registry import FileRegistry, current_schemas, schema_file
from schemas.topics import SOURCE_TOPICS, TOPICS
from schemas.writers import parsed

LISTED: dict[int, dict[str, str]] = {
    int(number): entry for number, entry in json.loads(schema_file("registry.json")).items()
}


def versions() -> dict[str, list[tuple[int, dict[str, Any]]]]:
    """Record -> its schemas, oldest first."""
    found: dict[str, list[tuple[int, dict[str, Any]]]] = {}
    for number in sorted(LISTED):
        schema = FileRegistry().schema_of(number)
        found.setdefault(schema["name"], []).append((number, schema))
    return found


@pytest.mark.parametrize("record", sorted(versions()))
def test_every_later_schema_reads_every_earlier_one(record: str) -> None:
    """Records written under any earlier schema, and under the current one, are read."""
    held = versions()[record]
    pairs = [*combinations(held, 2), (held[-1], held[-1])]
    for (_, writer), (_, reader) in pairs:
        for value in generate_many(parsed(writer), 20):
            assert validate(read(written(value, parsed(writer)), writer, reader), parsed(reader))


@pytest.mark.parametrize("record", sorted(versions()))
def test_a_field_may_be_added_only_with_a_default(record: str) -> None:
    """Add fields with defaults, never rename."""
    held = [schema for _, schema in versions()[record]]
    for older, newer in combinations(held, 2):
        known = {field["name"] for field in older["fields"]}
        assert known <= {field["name"] for field in newer["fields"]}
        added = [field for field in newer["fields"] if field["name"] not in known]
        assert all("default" in field for field in added)


def test_every_topic_has_a_published_record() -> None:
    """The subject follows the topic's name, and every field is described."""
    for topic in TOPICS:
        subject, schema = current_schemas()[topic.record]
        assert subject == f"{topic.name}-value"
        assert schema["namespace"] == "uk.co.smartdcc.firmware"
        assert all(field.get("doc") for field in schema["fields"])
    assert set(SOURCE_TOPICS.values()) < {topic.name for topic in TOPICS}


def written(value: Any, schema: Schema) -> bytes:
    """The Avro body of a value."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, value)
    return out.getvalue()


def read(body: bytes, writer: dict[str, Any], reader: dict[str, Any]) -> Any:
    """A body under the reader's schema."""
    return fastavro.schemaless_reader(io.BytesIO(body), parsed(writer), parsed(reader))
