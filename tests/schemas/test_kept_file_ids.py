"""Records from before there was a registry: no id is taken for another.

What the registry has under an id of the files is drawn too: nothing, the same, another team's,
another record of ours, another version of the very record.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from copy import deepcopy
from typing import Any, Final

import pytest

from schemas.codec import BadRecord, Codec
from schemas.registration import register_all
from schemas.registry import ConfluentRegistry, KeptFileIds, current_schemas, full_name, listed
from tests.support.events import dsp_event
from tests.support.registry import UNKNOWN, Registry, serving

KINDS: Final = ("nothing", "the same", "another team's", "another of ours", "Protobuf", "a version")
FOREIGN: Final = {"type": "record", "name": "com.example.Order", "fields": []}


@pytest.fixture(scope="module")
def server() -> Iterator[Registry]:
    """A registry whose ids are said by each test."""
    with serving() as found:
        yield found


def version(schema: dict[str, Any]) -> dict[str, Any]:
    """The same record with a field more."""
    newer = deepcopy(schema)
    newer["fields"].append({"name": "extra", "type": ["null", "int"], "default": None})
    return newer


def put(server: Registry, kind: str, number: int) -> None:
    """What the registry has under an id of the files."""
    ours = listed()[number][1]
    match kind:
        case "nothing":
            server.answers[f"/schemas/ids/{number}"] = UNKNOWN
        case "the same":
            server.holds(number, ours)
        case "another team's":
            server.holds(number, FOREIGN)
        case "another of ours":
            others = (schema for _, schema in listed().values())
            server.holds(number, next(s for s in others if s["name"] != ours["name"]))
        case "Protobuf":
            server.holds(number, 'syntax = "proto3";', schemaType="PROTOBUF")
        case _:
            server.holds(number, version(ours))


def kept(server: Registry) -> KeptFileIds:
    """A registry that has been asked nothing."""
    return KeptFileIds(ConfluentRegistry(server.url))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("number", listed())
def test_an_id_of_the_files_is_theirs_or_refused(server: Registry, number: int, kind: str) -> None:
    """Its record is read with the schema that wrote it, or is refused where nobody can tell."""
    put(server, kind, number)
    ours = listed()[number][1]
    codec = Codec(kept(server))
    if kind == "a version":
        with pytest.raises(BadRecord, match=r"it means .* and another") as refused:
            codec._reader(ours["name"], number)
        assert refused.value.reason == "unreadable-schema"
    else:
        assert kept(server).schema_of(number, ours["name"]) == ours


@pytest.mark.parametrize("number", listed())
def test_a_record_of_the_registry_is_read_by_the_registry(server: Registry, number: int) -> None:
    """Under an id that means another record in the files: another team's counter was there first,
    or ours began anew."""
    for record, (_, schema) in current_schemas().items():
        if record == listed()[number][1]["name"]:
            continue
        server.holds(number, schema)
        found = kept(server).schema_of(number, record)
        assert full_name(found) == full_name(schema)
        assert found == schema


def test_both_kinds_of_records_stand_in_one_topic() -> None:
    """Publishers change one after the other, and each record is read with its own schema."""
    with serving() as server:
        for number in listed():
            server.holds(number, FOREIGN | {"name": f"com.example.Order{number}"})
        with closing(ConfluentRegistry(server.url)) as registry:
            rows = register_all(registry)
            assert {row.registry_id for row in rows}.isdisjoint(listed())
            assert not any(row.two_meanings for row in rows)
            before, after = Codec(), Codec(KeptFileIds(registry))
            event = dsp_event()
            for value in (before.encode("DspEvent", event), after.encode("DspEvent", event)):
                assert after.decode("DspEvent", value) == before.decode(
                    "DspEvent", before.encode("DspEvent", event)
                )
            assert before.prefix("DspEvent") != after.prefix("DspEvent")


def test_an_empty_registry_gives_the_ids_of_the_files() -> None:
    """So that nothing has two meanings, and nothing is to be set."""
    with serving() as server:
        server.answers.clear()
        with closing(ConfluentRegistry(server.url)) as registry:
            assert [row.registry_id for row in register_all(registry)] == list(listed())


def test_what_would_mean_two_is_told_before_anything_is_read() -> None:
    """Of each id of the files."""
    for number in listed():
        with serving() as server:
            server.holds(number, version(listed()[number][1]))
            with closing(ConfluentRegistry(server.url)) as registry:
                found = [row.file_id for row in register_all(registry) if row.two_meanings]
        assert found == [number]


def test_nothing_is_registered_by_a_program_that_writes() -> None:
    """A registry that lost its schemas gives no new ids: the program waits."""
    with serving() as server:
        server.answers.clear()
        with closing(ConfluentRegistry(server.url)) as registry:
            with pytest.raises(ConnectionError, match="fdt registry"):
                Codec(registry).prefix("FirmwareStatus")
            assert server.answers == {}
            register_all(registry)
            assert Codec(registry).prefix("FirmwareStatus") == b"\x00\x00\x00\x00\x09"


@pytest.mark.parametrize("record", ["FirmwareStatus", "ProcessorControl", "AuditEntry"])
def test_a_lost_schema_of_our_own_record_is_an_outage(server: Registry, record: str) -> None:
    """Nobody else writes it: the registry has lost what it was written with."""
    server.answers["/schemas/ids/77"] = UNKNOWN
    codec = Codec(ConfluentRegistry(server.url))
    with pytest.raises(ConnectionError, match="has lost it"):
        codec.decode(record, b"\x00\x00\x00\x00\x4d")
    with pytest.raises(BadRecord, match="unknown-schema"):
        codec.decode("DspEvent", b"\x00\x00\x00\x00\x4d")
