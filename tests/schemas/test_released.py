"""What earlier releases published is read today: their schemas, and their bytes.

``released/VERSION`` was recorded once (:mod:`tests.schemas.recording`) and is never changed.
"""

from __future__ import annotations

import base64
import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from fdt.contract.kit import answers
from schemas.codec import Codec
from schemas.registry import FileRegistry, current_schemas
from tests.schemas.compatibility import misfits
from tests.schemas.recording import RELEASED

VERSIONS = sorted(RELEASED.iterdir())
CODEC = Codec()

Schema = dict[str, Any]


def predecessors() -> list[tuple[str, int, Schema]]:
    """Release, id and schema of everything that was ever published."""
    return [
        (version.name, int(number), json.loads((version / "avro" / one["file"]).read_text("utf-8")))
        for version in VERSIONS
        for number, one in json.loads((version / "avro/registry.json").read_text("utf-8")).items()
    ]


PREDECESSORS = predecessors()


@pytest.mark.parametrize(
    ("number", "schema"),
    [(number, schema) for _, number, schema in PREDECESSORS],
    ids=[f"{version}-{number}-{schema['name']}" for version, number, schema in PREDECESSORS],
)
def test_a_published_schema_stays_what_it_was_and_is_read(number: int, schema: Schema) -> None:
    """Its id still means exactly it; the schema of today reads it (BACKWARD_TRANSITIVE)."""
    assert FileRegistry().schema_of(number) == schema
    assert misfits(current_schemas()[schema["name"]][1], schema) == []


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda fields: fields.append({"name": "colour", "type": "string"}), "colour"),
        (lambda fields: fields[0].update(name="id"), "id"),
        (lambda fields: fields[0].update(type="long"), "event_id"),
        (lambda fields: fields[-1].update(type="long"), "occurred_at"),
        (lambda fields: fields.pop(3), "device_id: gone"),
        (lambda fields: fields[6].update(type="string"), "image_hash"),
    ],
    ids=["no default", "renamed", "other type", "other unit", "gone", "no null any more"],
)
def test_a_change_that_breaks_readers_is_found(change: Any, word: str) -> None:
    """Each way in which a field must not change, planted."""
    schema = current_schemas()["DspEvent"][1]
    changed = deepcopy(schema)
    change(changed["fields"])
    found = misfits(changed, schema)
    assert any(word in one for one in found)


def test_a_field_with_a_default_may_come() -> None:
    """And a type may become wider."""
    schema = current_schemas()["DspEvent"][1]
    changed = deepcopy(schema)
    changed["fields"].append({"name": "colour", "type": ["null", "string"], "default": None})
    changed["fields"][0]["type"] = ["null", "string"]
    assert misfits(changed, schema) == []


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
def test_recorded_events_fold_as_they_did(version: Path) -> None:
    """A whole campaign of that release: every item, timeline, place and dead letter."""
    kept = json.loads((version / "records.json").read_text("utf-8"))
    assert len(kept["expected"]["items"]) >= 40
    assert len({one["reason"] for one in kept["expected"]["dead_letters"]}) > 20
    assert answers(kept["records"], kept["partition_time"]) == kept["expected"]


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
def test_recorded_status_records_are_read(version: Path) -> None:
    """Every field that a reader of the topic may rely on."""
    kept = json.loads((version / "records.json").read_text("utf-8"))["statuses"]
    assert len(kept) >= 40
    for one in kept:
        fields = CODEC.decode("FirmwareStatus", base64.b64decode(one["value_base64"]))
        assert {name: fields[name] for name in one["fields"]} == one["fields"]


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
def test_recorded_records_of_our_own_are_read(version: Path) -> None:
    """Control records and the audit trail."""
    kept = json.loads((version / "records.json").read_text("utf-8"))["others"]
    assert {one["record"] for one in kept} == {"ProcessorControl", "AuditEntry"}
    for one in kept:
        fields = CODEC.decode(one["record"], base64.b64decode(one["value_base64"]))
        assert {name: fields[name] for name in one["fields"]} == one["fields"]
