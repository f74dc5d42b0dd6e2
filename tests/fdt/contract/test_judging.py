"""Samples are judged as the processor judges records: a whole campaign, with its malformed ones."""

from __future__ import annotations

import pytest

from fdt.contract.judging import Judge, Judgement
from fdt.contract.samples import Sample
from processor.partition.folding import Folding
from projections.catalogue import load_catalogue
from projections.events import Reader
from schemas.codec import Codec
from schemas.partitioning import partition_of
from schemas.topics import DAY_MS, Source
from sources.planning.events import Malformed, PlannedEvent, Publication
from sources.planning.plan import Plan, build_plan
from sources.schedule import Schedule
from sources.wire import wire
from tests.support.events import DEVICE, REQUEST, dsp_event

PARTITIONS = 4
BASE_MS = 1_795_000_000_000
SCHEDULE = Schedule.starting(BASE_MS, 1.0)
CODEC = Codec()


def new_judge() -> Judge:
    """With the settings that a worker has from the start."""
    types = frozenset({"ESME", "GSME", "PPMID", "HCALCS"})
    reader = Reader(load_catalogue(), types, 2 * DAY_MS)
    return Judge(
        lambda number: Folding(number, PARTITIONS, reader, CODEC), reader, CODEC, PARTITIONS
    )


@pytest.fixture(scope="module")
def plan() -> Plan:
    """A campaign that has every kind of malformed record."""
    return build_plan(seed=7, requests=2, devices=120)


@pytest.fixture(scope="module")
def judged(plan: Plan) -> list[tuple[Publication, Judgement]]:
    """All that the campaign publishes, judged in the order of publication."""
    judge, found = new_judge(), []
    for publication in sorted(plan.publications, key=lambda one: one.publish_ms):
        sent = wire(publication, SCHEDULE, CODEC, PARTITIONS)
        sample = Sample(
            "", sent.topic, sent.value, sent.key, has_key=True, partition=sent.partition
        )
        found.append((publication, judge.judge(sample, BASE_MS + publication.publish_ms)))
    return found


def test_what_is_malformed_is_refused_for_its_reason_and_nothing_else_is(
    judged: list[tuple[Publication, Judgement]],
) -> None:
    """The campaign knows the reason of each before anything judges it."""
    reasons = set()
    for publication, judgement in judged:
        content = publication.content
        if isinstance(content, Malformed):
            assert (judgement.verdict, judgement.reason) == ("refused", content.reason)
            assert judgement.detail
            reasons.add(content.reason)
        else:
            assert (judgement.verdict != "refused", judgement.reason) == (True, None), judgement
    assert len(reasons) > 20


def test_the_last_judgement_of_an_item_is_its_planned_end(
    plan: Plan, judged: list[tuple[Publication, Judgement]]
) -> None:
    """Where the item's own DSP or CSP event came last, nothing can change it any more."""
    expected = {(device, request): end.status for (request, device), end in plan.expected.items()}
    last = {
        (str(judgement.device_id), str(judgement.service_request_id)): judgement.item_status
        for publication, judgement in judged
        if isinstance(publication.content, PlannedEvent) and judgement.item_status
    }
    assert len(last) > 100
    wrong = {key for key, status in last.items() if expected[key] != status}
    assert not wrong


def test_a_record_says_what_it_means_and_the_item_what_it_is() -> None:
    """An acceptance, then a delivery over the CSP that comes before its approval."""
    judge = new_judge()
    first = judge.judge(sample(dsp_event(occurred_at=BASE_MS)), BASE_MS)
    assert (first.verdict, first.device_id, first.service_request_id) == ("folded", DEVICE, REQUEST)
    assert (first.status, first.item_status, first.completion) == (
        "Accepted by DSP",
        "Accepted by DSP",
        "In Progress",
    )
    assert judge.judge(csp("CH-TRANSFER-OK", 2), BASE_MS).item_status == "Successful CH Transfer"
    late = judge.judge(csp("APPROVED", 3), BASE_MS)
    assert (late.status, late.marks, late.item_status) == (
        "Approved for Distribution",
        ("late",),
        "Successful CH Transfer",
    )


def test_a_copy_and_a_report_without_its_request_are_told_apart() -> None:
    """One counts once; the other waits."""
    judge, event = new_judge(), dsp_event(occurred_at=BASE_MS)
    hub = Sample("", Source.COMMS_HUB.topic, CODEC.encode("CommsHubEvent", hub_event()))
    waiting = judge.judge(hub, BASE_MS)
    assert (waiting.verdict, waiting.status) == ("waits", "Successful HAN Transfer")
    assert judge.judge(sample(event), BASE_MS).verdict == "folded"
    assert judge.judge(sample(event), BASE_MS + 1).verdict == "copy"


def test_a_key_in_another_spelling_stands_where_java_puts_it() -> None:
    """The partitioner hashes the key as it is spelt; the device belongs to the canonical one."""
    spellings = ("00-Db-12-34-56-78-90-A0", "00-db-12-34-56-78-90-a0", f" {DEVICE}")
    spelt = next(one for one in spellings if partition_of(one, 4) != partition_of(DEVICE, 4))
    event = dsp_event(occurred_at=BASE_MS)
    found = new_judge().judge(
        Sample("", Source.DSP.topic, CODEC.encode("DspEvent", event), spelt.encode(), has_key=True),
        BASE_MS,
    )
    assert (found.verdict, found.reason) == ("refused", "wrong-partition")


def test_what_an_item_needs_but_is_not_there_is_kept() -> None:
    """A CSP event without a type opens an item that nobody sees yet (rule 8)."""
    assert new_judge().judge(csp("APPROVED", 1), BASE_MS).verdict == "kept"


def sample(event: dict[str, object]) -> Sample:
    """An event of the DSP."""
    return Sample("", Source.DSP.topic, CODEC.encode("DspEvent", event))


def csp(code: str, number: int) -> Sample:
    """An event of the CSP, which gives no device type."""
    event = {
        "event_id": f"00000000-0000-0000-0000-{number:012}",
        "service_request_id": REQUEST,
        "device_id": DEVICE,
        "device_type": None,
        "firmware_version": "0002012F",
        "csp_region": "North",
        "comms_hub_id": None,
        "code": code,
        "detail": None,
        "occurred_at": BASE_MS + (3000 if code == "APPROVED" else 2000),
    }
    return Sample("", Source.CSP.topic, CODEC.encode("CspEvent", event))


def hub_event() -> dict[str, object]:
    """A delivery that names no request."""
    return {
        "event_id": "00000000-0000-0000-0000-0000000000ab",
        "device_id": "00-DB-12-34-56-78-90-A1",
        "service_request_id": None,
        "firmware_version": None,
        "running_version": None,
        "image_hash": None,
        "comms_hub_id": None,
        "code": "8F8A",
        "result_code": 0,
        "message_code": None,
        "detail": None,
        "occurred_at": BASE_MS,
    }
