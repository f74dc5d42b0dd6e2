"""The row is a function of the set of records: any order, any grouping, any copies."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from projections.catalogue import load_catalogue
from projections.fold import fold
from projections.lifecycle import LIFECYCLE, NO_STATUS
from projections.state import COPIES_KEPT, Report, Row, decode_row, encode_row
from projections.status_record import status_body, status_record
from projections.views import device_view
from schemas.codec import Codec
from schemas.topics import DAY_MS, Source

CATALOGUE = load_catalogue()
NOW = 1_795_000_000_000
REQUESTS = [f"90-B3-D5-1F-30-01-00-00:90-B3-D5-1F-30-00-00-02:{n}" for n in (1, 2, 10)]
VERSIONS = ["00000001", "00000002"]
HASHES = ["AA" * 32, "BB" * 32]
CODES = {
    (Source.DSP, 12): ("E5", None),
    (Source.DSP, 14): ("I99", None),
    (Source.CSP, 22): ("N18", None),
    (Source.CSP, 24): ("APPROVED", None),
    (Source.CSP, 32): ("N61", None),
    (Source.CSP, 34): ("N60", None),
    (Source.COMMS_HUB, NO_STATUS): ("CS06", None),
    (Source.COMMS_HUB, 42): ("8F89", 3),
    (Source.COMMS_HUB, 44): ("8F8A", 0),
    (Source.COMMS_HUB, 52): ("CS06", 3),
    (Source.COMMS_HUB, 54): ("CS06", 0),
    (Source.SSMI, 92): ("RESET", None),
}


@st.composite
def reports(draw: st.DrawFn) -> Report:
    """Few identities, times and requests, so that records meet, collide and contradict."""
    source, status = draw(st.sampled_from(list(CODES)))
    code, result = CODES[source, status]
    opens = source <= Source.CSP
    names = st.sampled_from(REQUESTS)
    at = NOW + draw(st.integers(-4, 4)) * 3_600_000
    return Report(
        identity=draw(st.sampled_from(range(12))).to_bytes(16, "big") + bytes([source]),
        at=at,
        status=status,
        received_at=NOW + draw(st.integers(0, 5)),
        partition=0,
        offset=draw(st.integers(0, 30)),
        occurred_at=at + draw(st.sampled_from([0, 0, 0, 7 * DAY_MS])),
        code=code,
        result=result,
        request_id=draw(names if opens or source is Source.SSMI else st.none() | names),
        version=draw(st.sampled_from(VERSIONS) if opens else st.none() | st.sampled_from(VERSIONS)),
        image_hash=draw(st.none() | st.sampled_from(HASHES)),
        device_type=draw(st.none() | st.just("ESME")) if opens else None,
    )


def row_after(records: list[Report], *, stored_between: bool = False) -> Row:
    """Fold copies of ``records`` one by one, by way of the disk if asked."""
    row = Row(CATALOGUE.version)
    for record in records:
        fold(row, msgspec.structs.replace(record))
        if stored_between:
            row = decode_row(encode_row(row))
    return row


def distinct_places(records: list[Report]) -> list[Report]:
    """A place in the log holds one record of one source."""
    held = {(r.source, r.offset): r for r in records}
    return list(held.values())


@given(st.lists(reports(), max_size=25).map(distinct_places), st.randoms(use_true_random=False))
def test_any_order_with_replays_gives_the_same_bytes(records: list[Report], rng) -> None:  # type: ignore[no-untyped-def]
    """Invariant I2, with records replayed and rows stored in between."""
    again = records + rng.sample(records, k=len(records) // 2)
    rng.shuffle(again)
    assert encode_row(row_after(again, stored_between=True)) == encode_row(row_after(records))


@given(st.lists(reports(), max_size=25).map(distinct_places))
def test_every_record_is_in_the_row_once(records: list[Report]) -> None:
    """Nothing is lost, nothing is doubled; copies are counted and not listed."""
    row = row_after(records)
    held = [r for item in row.items for r in item.reports] + row.loose
    assert len({r.identity for r in held}) == len(held)
    assert {r.identity for r in held} == {r.identity for r in records}
    assert sum(1 + len(r.copies) for r in held) == len(records)
    for report in held:
        rivals = [r.place for r in records if r.identity == report.identity]
        assert report.place == min(rivals)


@given(st.lists(reports(), max_size=25).map(distinct_places))
def test_the_public_record_is_what_the_generic_encoder_writes(records: list[Report]) -> None:
    """The Avro body written by hand equals fastavro's, byte for byte."""
    row = row_after(records)
    codec = Codec()
    by_hand = codec.prefix("FirmwareStatus") + status_body("D", row, encode_row(row))
    assert by_hand == codec.encode("FirmwareStatus", status_record("D", row))


@given(st.lists(reports(), max_size=25).map(distinct_places))
def test_every_report_is_shown_in_one_place(records: list[Report]) -> None:
    """A report stands in the timeline of one item, or among the unmatched, or in a hidden item."""
    row = row_after(records)
    shown = device_view("D", row, CATALOGUE, 30 * DAY_MS)
    entries = [e for item in shown.items for e in item.timeline] + list(shown.unmatched)
    ids = [(e.evidence.topic, e.evidence.event_id) for e in entries]
    assert len(set(ids)) == len(ids)
    served = {item.service_request_id for item in shown.items}
    if served == {item.request_id for item in row.items}:
        assert len(ids) == len({r.identity for r in records})
    for item in shown.items:
        assert item.evidence in [e.evidence for e in item.timeline]


def test_more_copies_than_are_kept_do_not_grow_the_row() -> None:
    """The copies of one event are told apart up to a bound."""
    first = Report(bytes(16) + b"\x01", NOW, 14, NOW, 0, 0, NOW, "I99", request_id=REQUESTS[0])
    copies = [msgspec.structs.replace(first, offset=n, copies=[]) for n in range(1, 100)]
    row = row_after([first, *copies])
    assert len(row.items[0].reports[0].copies) == COPIES_KEPT
    assert encode_row(row_after([*reversed(copies), first])) == encode_row(row)


def test_every_status_of_the_lifecycle_is_exercised_here() -> None:
    """The strategy above leaves no status out."""
    assert {row.status for row in LIFECYCLE} == {status for _, status in CODES if status}
