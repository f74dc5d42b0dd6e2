"""What an item is described by, what of its records is kept, and by which rules it was made."""

from __future__ import annotations

import msgspec
import pytest

from projections.cap import TIMELINE_CAP
from projections.events import DETAIL_LIMIT
from projections.fold import Fold, reread
from projections.rows import encode_row, reports_of
from projections.status_derivation import derive_statuses
from tests.projections.story import (
    LATER_VERSION,
    MINUTE,
    START,
    VERSION,
    after,
    csp,
    dsp,
    hub,
    report_of,
)
from tests.support.rows import CATALOGUE, FOLD, row_of

# --- What an item is (design §5, rule 8) ---


def test_an_item_is_described_by_its_earliest_dsp_event() -> None:
    """A CSP event describes it only until then, and a later DSP event changes nothing."""
    first = csp("APPROVED", at=0, device_type="GSME", firmware_version=LATER_VERSION)
    told = after(first).item()
    assert (told.device_type, told.firmware_version) == ("GSME", LATER_VERSION)
    described = dsp(at=10)
    another = dsp(at=20, device_type="GSME", firmware_version="FFFFFFFF")
    shown = after(first, another, described).item()
    assert (shown.device_type, shown.firmware_version) == ("ESME", VERSION)


def test_the_type_may_come_from_a_later_csp_event_than_the_version() -> None:
    """The earliest event that gives one."""
    shown = after(
        csp("N60", at=9, device_type="GSME", firmware_version="FFFFFFFF"),
        csp("APPROVED", at=0),
        csp("N60", at=10, device_type="ESME"),
    )
    assert (shown.item().device_type, shown.item().firmware_version) == ("GSME", VERSION)


# --- What is kept (design §5, rule 6) ---


def test_an_entry_says_what_was_reported_when_and_where_from() -> None:
    """Status, native code, reason, both times, and the record's place in the log."""
    entry = after(dsp("i99 ", at=5, heard=7, detail="all well")).item().timeline[0]
    assert entry.status is not None
    assert (entry.status.label, entry.code, entry.detail) == ("Accepted by DSP", "I99", "all well")
    assert entry.reason.text == "The DSP acknowledged the request for this device"
    assert (entry.occurred_at, entry.received_at) == (START + 5 * MINUTE, START + 7 * MINUTE)
    where = entry.evidence
    assert (where.topic, where.partition, where.offset) == ("firmware.dsp.v1", 0, 0)
    assert where.event_id == "00000000-0000-0000-0000-000000000001"


def test_a_detail_over_a_kibibyte_is_cut_and_ends_with_an_ellipsis() -> None:
    """Counted in bytes of UTF-8, and never in the middle of a character."""
    exact = "x" * DETAIL_LIMIT
    assert after(dsp(detail=exact)).entry("I99").detail == exact
    for text in ("x" * (DETAIL_LIMIT + 1), "漢" * 400):
        kept = after(dsp(detail=text)).entry("I99").detail
        assert kept is not None
        assert kept.endswith("…")
        assert text.startswith(kept[:-1])
        assert DETAIL_LIMIT - 3 <= len(kept.encode()) <= DETAIL_LIMIT


def test_past_the_cap_a_change_of_status_still_shows() -> None:
    """Repeats are left out and counted, with what did not change the answer."""
    repeats = [csp("N60", at=10 + n) for n in range(2 * TIMELINE_CAP)]
    shown = after(dsp(), *repeats, csp("N61", at=900), hub("CS06", 0, at=901))
    item = shown.item()
    assert item.status.label == "Firmware Activated"
    assert [entry.code for entry in item.timeline[-3:]] == ["N60", "N61", "CS06/0"]
    assert len(item.timeline) + item.not_kept == len(repeats) + 3
    assert len(item.timeline) == TIMELINE_CAP + 3


def test_past_the_cap_since_is_still_the_first_of_its_run() -> None:
    """The first of the status was among the first received."""
    shown = after(dsp(), *[csp("N60", at=10 + n) for n in range(3 * TIMELINE_CAP)])
    assert (shown.status(), shown.since()) == ("Successful CH Transfer", 10)


# --- Versions of the rules ---


def test_a_row_knows_the_catalogue_and_the_eligible_types_that_made_it() -> None:
    """And takes those of the fold that touches it next."""
    row = row_of([report_of(dsp(), 0)])
    assert (row.catalogue, row.device_types) == (CATALOGUE.version, "ESME,GSME")
    wider = Fold(CATALOGUE, frozenset({"PPMID", "GSME", "ESME"}))
    assert wider.stored_row(encode_row(row)).device_types == "ESME,GSME,PPMID"


@pytest.mark.parametrize("version", ["1999-1", "2999-1"])
def test_a_row_of_another_catalogue_is_read_anew_when_it_is_touched(version: str) -> None:
    """From the native codes it keeps, whichever of the two is the newer."""
    row = row_of([report_of(dsp(), 0), report_of(csp("N60"), 1), report_of(hub("8F72"), 2)])
    for report in reports_of(row):
        report.status = 12
    row.catalogue = version
    stored = FOLD.stored_row(encode_row(row))
    assert [r.status for r in reports_of(stored)] == [14, 34, 44]
    assert stored.catalogue == CATALOGUE.version


def test_a_code_that_is_gone_from_the_catalogue_keeps_the_status_it_was_read_with() -> None:
    """The others of the row are read anew all the same."""
    row = row_of([report_of(dsp(), 0), report_of(csp("N60"), 1)])
    reports_of(row)[0].code = "GONE"
    reports_of(row)[1].status = 32
    reread(row, CATALOGUE)
    assert [r.status for r in reports_of(row)] == [14, 34]


def test_a_row_of_the_same_catalogue_is_taken_as_it_is() -> None:
    """No look-ups on the usual way."""
    row = row_of([report_of(dsp(), 0)])
    reports_of(row)[0].status = 12
    assert reports_of(FOLD.stored_row(encode_row(row)))[0].status == 12


def test_a_replayed_record_is_no_news() -> None:
    """The row need not be written."""
    report = report_of(dsp(), 0)
    row = row_of([report])
    assert not FOLD.add(row, msgspec.structs.replace(report))


# --- How much of details is kept (docs/decisions/0015) ---


def details(*lengths: int | None) -> list[str | None]:
    """The details that a row holds of records with details so long, in the order of receipt."""
    told = [None if n is None else "x" * n for n in lengths]
    row = row_of([report_of(csp("N60", detail=d), n) for n, d in enumerate(told)])
    return [report.detail for report in row.items[0].records.kept]


def test_the_first_24_details_are_whole_and_the_others_are_cut_at_100_characters() -> None:
    """A cut one ends with an ellipsis; what is no longer stays as it is."""
    kept = details(*[300] * 24, 300, 101, 100, 99, None)
    assert kept[:24] == ["x" * 300] * 24
    assert kept[24:] == ["x" * 99 + "…", "x" * 99 + "…", "x" * 100, "x" * 99, None]


def test_a_record_that_turns_out_to_be_received_earlier_takes_the_place_of_the_last() -> None:
    """Whichever is processed first: its rank among the received counts."""
    reports = [report_of(csp("N60", detail="x" * 300), n) for n in range(26)]
    late = row_of([*reports[1:], reports[0]]).items[0].records.kept
    assert [len(report.detail or "") for report in late] == [300] * 24 + [100] * 2
    assert encode_row(row_of([*reports[1:], reports[0]])) == encode_row(row_of(reports))


def test_what_is_not_kept_of_a_request_and_of_the_hub_adds_up() -> None:
    """An item is short of both."""
    row = row_of([report_of(dsp(), 0)])
    row.items[0].records.left_out = [5, 9, 11]
    row.hub.left_out = [7]
    assert derive_statuses(row).items[0].left_out == 4
