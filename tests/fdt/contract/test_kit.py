"""The conformance kit: a second reading of the rules agrees, and the order says nothing."""

from __future__ import annotations

import base64
import random
from typing import Any

import pytest

from fdt.contract.__main__ import ROOT
from fdt.contract.case import Case
from fdt.contract.kit import PARTITIONS, answers
from fdt.contract.kit_cases import CASES
from fdt.settings import DEVICE_TYPES
from projections.events import RECORDS
from schemas.codec import BadRecord, Codec
from schemas.topics import DAY_MS, TOPIC_SOURCES
from sources.planning.malformed import VARIETIES
from tests.projections import reference
from tests.projections.reference_retention import held

FOLDER = ROOT / "docs/conformance/cases"
CODEC = Codec()
KIT = {case.name: case.as_json() for case in CASES}


def ids(case: Case) -> str:
    """A case by its name."""
    return case.name


def test_the_folder_has_every_case_and_nothing_else() -> None:
    """One that was taken out of the code leaves no file behind."""
    assert {path.stem for path in FOLDER.iterdir()} == KIT.keys()
    assert len(KIT) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_the_order_of_the_records_is_no_part_of_a_case(case: Case) -> None:
    """Reversed and shuffled, the answers are the same."""
    told = KIT[case.name]
    for seed in range(3):
        records = list(told["records"])
        random.Random(seed).shuffle(records)
        assert answers(records, told["partition_time"]) == told["expected"]


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_a_second_reading_of_the_rules_gives_the_same_answers(case: Case) -> None:
    """Status, completion, since, evidence, marks and what waits; of what was not refused."""
    told = KIT[case.name]
    refused = {(r["topic"], r["partition"], r["offset"]) for r in told["expected"]["dead_letters"]}
    by_device: dict[str, list[reference.Record]] = {}
    for one in told["records"]:
        if (one["topic"], one["partition"], one["offset"]) not in refused:
            fields = tidy(one["value"])
            by_device.setdefault(fields["device_id"], []).append(
                reference.Record(
                    one["topic"].removeprefix("firmware.").removesuffix(".v1"),
                    fields,
                    one["received_at"],
                    one["offset"],
                )
            )
    items, waiting = [], []
    for records in by_device.values():
        found = reference.fold(held(records, 30 * DAY_MS, told["partition_time"]))
        items += [of_reference(item) for item in found.items]
        waiting += [entry.event_id for entry in found.unmatched]
    expected = told["expected"]
    assert sorted(map(of_kit, expected["items"])) == sorted(items)
    assert [entry["evidence"]["event_id"] for entry in expected["unmatched"]] == waiting


def of_kit(item: dict[str, Any]) -> tuple[Any, ...]:
    """What is compared of an item."""
    evidence = item["evidence"]
    return (
        item["service_request_id"],
        item["device_type"],
        item["firmware_version"],
        item["status"],
        item["completion"],
        item["updated_at"],
        (evidence["event_id"], evidence["offset"]),
        [
            (e["evidence"]["event_id"], e["status"] or "", sorted(e["marks"]), e["copies"])
            for e in item["timeline"]
        ],
    )


def of_reference(item: reference.Item) -> tuple[Any, ...]:
    """The same of the second reading."""
    return (
        item.request_id,
        item.device_type,
        item.version,
        item.status,
        item.completion,
        item.updated_at,
        item.evidence[1:],
        [(e.event_id, e.status or "", sorted(e.marks), e.copies) for e in item.timeline],
    )


def tidy(fields: dict[str, Any]) -> dict[str, Any]:
    """Canonical spellings, which the second reading takes for granted."""
    found = {
        name: value.strip().upper() if isinstance(value, str) and name in UPPER else value
        for name, value in fields.items()
    }
    if found.get("service_request_id"):
        *both, counter = found["service_request_id"].split(":")
        found["service_request_id"] = ":".join([*both, str(int(counter))])
    return found


UPPER = {"device_id", "service_request_id", "firmware_version", "code"}


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_the_fields_of_a_record_are_its_bytes(case: Case) -> None:
    """Whoever encodes the fields gets what whoever sends the bytes gets."""
    for one in KIT[case.name]["records"]:
        data = None if one["value_base64"] is None else base64.b64decode(one["value_base64"])
        record = RECORDS[TOPIC_SOURCES[one["topic"]]]
        if one["value"] is None:
            with pytest.raises(BadRecord):
                CODEC.decode(record, data)
        else:
            assert CODEC.decode(record, data) == one["value"]


def test_the_kit_has_every_refusal_of_a_record_by_itself() -> None:
    """As the sources' own malformed records have them, and those that no source sends."""
    reasons = {r["reason"] for told in KIT.values() for r in told["expected"]["dead_letters"]}
    assert reasons >= {variety.reason for variety in VARIETIES}
    for name, told in KIT.items():
        if name.startswith("refused-"):
            assert [r["reason"] for r in told["expected"]["dead_letters"]] == [name[8:]]


def test_the_kit_stands_on_the_settings_that_its_page_names() -> None:
    """Four partitions; the types of devices that are tracked without any setting."""
    page = (ROOT / "docs/conformance/README.md").read_text("utf-8")
    assert ", ".join(DEVICE_TYPES[:-1]) + f" and {DEVICE_TYPES[-1]}" in page
    assert {told["partitions"] for told in KIT.values()} == {PARTITIONS}
