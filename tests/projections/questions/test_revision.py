"""What another catalogue would change in a row, and what it would leave as it is."""

from __future__ import annotations

import dataclasses

import pytest

from projections.catalogue import Catalogue, CodeRow
from projections.lifecycle import Status
from projections.questions.revision import ItemChange, revised
from projections.rows import ForeignLayout, encode_row
from tests.projections.story import LATER_REQUEST, REQUEST, Event, csp, dsp, hub, report_of
from tests.support.rows import CATALOGUE, row_of


def reading(code: str, status: Status) -> Catalogue:
    """The catalogue with another status for one code."""
    return Catalogue("next", [_reading(row, code, status) for row in CATALOGUE.rows])


def _reading(row: CodeRow, code: str, status: Status) -> CodeRow:
    if row.keys[0].code != code:
        return row
    return dataclasses.replace(row, meaning=dataclasses.replace(row.meaning, status=int(status)))


def stored(*events: Event) -> bytes:
    """The row after some events."""
    return encode_row(row_of(report_of(event, n) for n, event in enumerate(events)))


UNDELIVERED = reading("N60", Status.FAILED_CH_TRANSFER)


def test_an_item_whose_status_rests_on_the_code_changes() -> None:
    """Before and after are told."""
    (change,) = revised(stored(dsp(), csp("N60")), UNDELIVERED) or []
    assert change == ItemChange(REQUEST, Status.SUCCESSFUL_CH_TRANSFER, Status.FAILED_CH_TRANSFER)
    assert str(change) == "Successful CH Transfer -> Failed CH Transfer"


def test_a_status_that_would_rest_on_another_event_changes_too() -> None:
    """Its time is another, though its words are the same."""
    (change,) = revised(stored(dsp(), csp("N60"), csp("N61")), UNDELIVERED) or []
    assert str(change) == "Failed CH Transfer, since another event"


def test_only_the_items_that_change_are_named() -> None:
    """Others of the device are left out."""
    other = dsp(service_request_id=LATER_REQUEST)
    changes = revised(stored(dsp(), csp("N60"), other), UNDELIVERED) or []
    assert [change.request_id for change in changes] == [REQUEST]


def test_a_row_may_change_and_none_of_its_items() -> None:
    """A later stage had been reached."""
    assert revised(stored(dsp(), csp("N60"), hub("8F8A", 0)), UNDELIVERED) == []


def test_a_row_without_the_code_does_not_change() -> None:
    """Nothing would be written."""
    assert revised(stored(dsp(), csp("APPROVED")), UNDELIVERED) is None


def test_a_row_of_another_layout_is_not_guessed_at() -> None:
    """It has to be rebuilt first."""
    with pytest.raises(ForeignLayout):
        revised(b"\x00" + stored(dsp())[1:], UNDELIVERED)
