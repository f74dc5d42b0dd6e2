"""The documents are those that the code makes, are valid, and say what the programs really do."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from fdt.contract.__main__ import ROOT, made
from fdt.contract.asyncapi import CE_HEADERS, DL_HEADERS, document
from fdt.contract.topics_page import markdown
from fdt.contract.words import WORDS
from processor.partition.dead_letters import dead_letter
from processor.safety.poison_probe import Record
from query_api.resets.publishing import _headers as headers_of_a_reset
from schemas import headers
from schemas.codec import BadRecord, Codec
from schemas.registry import current_schemas
from schemas.topics import TOPICS, Topic
from sources.planning.plan import build_plan
from sources.schedule import Schedule
from sources.wire import wire
from tests.support.events import dsp_event

OFFICIAL = Path(__file__).with_name("asyncapi-3.0.0.json")
CODEC = Codec()
MADE = made()
WRITTEN: dict[str, Any] = json.loads((ROOT / "docs/asyncapi.json").read_text("utf-8"))


@pytest.mark.parametrize("path", sorted(MADE))
def test_a_document_is_what_the_code_makes(path: str) -> None:
    """``python -m fdt.contract`` would change nothing."""
    assert (ROOT / path).read_text("utf-8") == MADE[path]


def test_the_topics_are_a_valid_asyncapi_document() -> None:
    """By the specification's own JSON schema, which also knows Avro and the Kafka bindings."""
    validator = jsonschema.Draft7Validator(json.loads(OFFICIAL.read_text("utf-8")))
    assert [error.message for error in validator.iter_errors(WRITTEN)] == []
    for *path, key, value in (
        ("channels", "firmware.dsp.v1", "bindings", "kafka", "partitions", "four"),
        ("operations", "send-firmware.audit.v1", "action", "publish"),
        ("components", "messages", "DspEvent", "payload", "schema", "type", "no-type"),
    ):
        wrong = deepcopy(WRITTEN)
        part = wrong
        for step in path:
            part = part[str(step)]
        part[str(key)] = value
        assert list(validator.iter_errors(wrong)), key


def test_every_reference_leads_somewhere() -> None:
    """Channels to messages, operations to channels."""
    for channel in WRITTEN["channels"].values():
        for reference in channel["messages"].values():
            assert reference["$ref"].rpartition("/")[2] in WRITTEN["components"]["messages"]
    for operation in WRITTEN["operations"].values():
        name = operation["channel"]["$ref"].removeprefix("#/channels/")
        assert name in WRITTEN["channels"]
    assert set(WRITTEN["channels"]) == {topic.name for topic in TOPICS} == set(WORDS)


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
@pytest.mark.parametrize("change", ["key", "writer", "cleanup_policy", "record"])
def test_a_difference_of_a_topic_shows(topic: Topic, change: str) -> None:
    """Another key, writer, policy or field in the code: document and page are others."""
    other: dict[str, Any] = {
        "key": "user" if topic.key != "user" else "Device ID",
        "writer": "somebody",
        "cleanup_policy": "compact",
        "record": topic.record,
    }
    changed = replace(topic, **{change: other[change]})
    if change == "cleanup_policy":
        changed = replace(topic, retention_setting=None if topic.retention_setting else "audit")

    def schema_of(record: str) -> dict[str, Any]:
        schema = deepcopy(current_schemas()[record][1])
        if change == "record" and record == topic.record:
            schema["fields"].append({"name": "colour", "type": "string", "doc": "New."})
        return schema

    found = document([changed if one is topic else one for one in TOPICS], schema_of)
    if change == "record" and topic.record == "DeadLetter":
        assert found == WRITTEN  # its value is the publisher's: the Avro file is of exports
        return
    assert found != WRITTEN
    assert markdown(found) != (ROOT / "docs/topics.md").read_text("utf-8")


def test_the_headers_that_are_told_are_those_that_are_sent() -> None:
    """By the sources, on a Reset, and on a dead letter, one that was cut included."""
    sent = build_plan(seed=3, requests=1, devices=3).publications[0]
    told = wire(sent, Schedule.starting(1_795_000_000_000, 1.0), CODEC, 4).headers
    assert [name for name, _ in told] == list(CE_HEADERS)
    assert {name for name, _ in headers_of_a_reset(dsp_event())} == CE_HEADERS.keys()
    record = Record(b"key", b"x" * 3_000_000, 1, 1_795_000_000_000, ((headers.CE_ID, b"1"),))
    letter = dead_letter("firmware.dsp.v1", 0, record, BadRecord("bad-avro", "why"))
    assert {name for name, _ in letter.headers or ()} == DL_HEADERS.keys()
