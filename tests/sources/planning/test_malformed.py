"""Malformed records are what they claim: refused by the codec, or well-formed with one fault."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.codec import BadRecord, Codec
from schemas.identifiers import DeviceId, InvalidIdentifier
from schemas.partitioning import partition_of
from schemas.topics import TOPIC_SOURCES, Source
from sources.planning.events import RECORDS, Malformed, Publication
from sources.planning.plan import Plan
from sources.schedule import Schedule
from sources.wire import Wire, wire

PARTITIONS = 4
CODEC = Codec()
SCHEDULE = Schedule.starting(1_795_000_000_000, 1000.0)
BY_CODEC = {
    "null-value",
    "bad-framing",
    "unknown-schema",
    "wrong-record",
    "bad-avro",
    "trailing-bytes",
}


@pytest.fixture(scope="module")
def pieces(plan: Plan) -> list[tuple[Malformed, Wire]]:
    """Every malformed record with what goes out for it."""
    return [
        (publication.content, sent(publication))
        for publication in plan.publications
        if isinstance(publication.content, Malformed)
    ]


def sent(publication: Publication) -> Wire:
    """The record on the wire."""
    return wire(publication, SCHEDULE, CODEC, PARTITIONS)


def decoded(record: Wire) -> dict[str, Any]:
    """The fields, read as the topic's own record."""
    return CODEC.decode(RECORDS[TOPIC_SOURCES[record.topic]], record.value)


def test_the_codec_refuses_broken_bytes_for_the_reason_given(
    pieces: list[tuple[Malformed, Wire]],
) -> None:
    """Framing, schema and Avro."""
    seen = set()
    for piece, record in pieces:
        if piece.reason in BY_CODEC:
            with pytest.raises(BadRecord) as refused:
                decoded(record)
            assert refused.value.reason == piece.reason
            seen.add(piece.reason)
    assert seen == BY_CODEC


def test_every_other_malformed_record_is_good_avro_of_its_topic(
    pieces: list[tuple[Malformed, Wire]],
) -> None:
    """So that nothing but the stated reason can refuse it."""
    for piece, record in pieces:
        if piece.reason not in BY_CODEC:
            fields = decoded(record)
            assert {name: fields[name] for name in piece.fields} == piece.fields


def test_keys_and_partitions_are_wrong_only_where_that_is_the_reason(
    pieces: list[tuple[Malformed, Wire]],
) -> None:
    """A record has one fault, so that the order of the tracker's checks does not matter."""
    for piece, record in pieces:
        assert (record.key is None) == (piece.reason == "missing-key")
        right = partition_of(piece.home, PARTITIONS)
        assert (record.partition != right) == (piece.reason == "wrong-partition")
        if piece.reason not in ("missing-key", "invalid-device-id", *BY_CODEC):
            assert (not names(record.key, piece.fields["device_id"])) == (
                piece.reason == "key-mismatch"
            )


def names(key: bytes | None, device_id: str) -> bool:
    """Whether a key is this Device ID."""
    if key is None:
        return False
    try:
        return DeviceId.parse(key.decode()) == DeviceId.parse(device_id)
    except InvalidIdentifier:
        return False


def test_a_malformed_record_is_found_again_by_its_header(
    plan: Plan, pieces: list[tuple[Malformed, Wire]]
) -> None:
    """A dead letter keeps its headers, and ``ce_id`` names the piece."""
    found = {str(dict(record.headers)["ce_id"]): piece.reason for piece, record in pieces}
    assert found == plan.malformed


def test_malformed_records_spare_devices_that_are_sent_again(
    plan: Plan, pieces: list[tuple[Malformed, Wire]]
) -> None:
    """The simulated DSP believes what it reads about those."""
    resent = {event.device_id for event in plan.events if event.resend}
    assert not resent & {piece.home for piece, _ in pieces}


def test_good_events_decode_and_carry_cloud_events_headers(plan: Plan) -> None:
    """One of each source, as a consumer sees it."""
    seen: set[Source] = set()
    for publication in plan.publications:
        event = publication.content
        if isinstance(event, Malformed) or event.source in seen:
            continue
        seen.add(event.source)
        record = sent(publication)
        headers = dict(record.headers)
        record_name = RECORDS[event.source]
        assert decoded(record)["occurred_at"] == SCHEDULE.base_ms + event.occurred_ms
        assert record.partition == partition_of(event.device_id, PARTITIONS)
        assert headers["ce_id"] == event.event_id
        assert headers["ce_type"] == f"uk.co.smartdcc.firmware.{record_name}"
        assert str(headers["ce_time"]).endswith("Z")
        source = str(headers["ce_source"])
        if event.source is Source.CSP:
            assert source == f"/csp/{event.fields['csp_region']}"
        else:
            assert source == {1: "/dsp", 3: "/comms-hub", 4: "/ssmi"}[event.source]
    assert seen == set(Source)
