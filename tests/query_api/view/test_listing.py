"""An item of a list is the device's item, whatever its row looks like."""

from __future__ import annotations

import random

import msgspec
import pytest

from projections.catalogue import UnknownCode
from projections.rows import decode_row
from projections.views import device_view
from query_api.view.layout import IndexEntry, decode_entry, encode_entry
from query_api.view.listing import ForgivingCatalogue, list_item
from query_api.view.status_view import index_entries
from schemas.topics import Source
from tests.query_api.view.test_status_view import any_row
from tests.query_api.world import (
    RETENTION_MS,
    T0,
    accepted,
    device_id,
    report,
    request_id,
    reset,
    state,
)
from tests.support.rows import CATALOGUE

D1 = device_id(1)


def kept(entry: IndexEntry) -> IndexEntry:
    """As it comes out of the view."""
    return decode_entry(encode_entry(entry, (0, 1)))


def assert_listed_as_shown(row: bytes) -> None:
    """The index entry, through its stored bytes, gives what the row gives, without the timeline."""
    view = device_view(D1, decode_row(row), CATALOGUE, RETENTION_MS)
    listed = {
        request: list_item(
            request, D1, decode_entry(encode_entry(entry, (0, 1))), CATALOGUE, RETENTION_MS
        )
        for request, entry in index_entries(row).items()
    }
    assert listed == {
        i.service_request_id: msgspec.structs.replace(i, timeline=()) for i in view.items
    }


@pytest.mark.parametrize("seed", range(200))
def test_a_list_shows_what_the_device_shows(seed: int) -> None:
    """Both views of the read side are one."""
    row = any_row(random.Random(seed))
    if row is not None:
        assert_listed_as_shown(row)


def test_a_reason_that_quotes_its_detail_does_so_in_lists() -> None:
    """What the reason needs is in the index."""
    request = request_id(1)
    assert_listed_as_shown(
        state([accepted(request), reset(request, offset=1, detail="why (incident INC1, by op)")])
    )


def test_a_code_unknown_to_the_read_side_costs_the_words_only() -> None:
    """During an upgrade the processor may know more codes than the reader."""
    forgiving = ForgivingCatalogue(CATALOGUE)
    with pytest.raises(UnknownCode):
        CATALOGUE.meaning(Source.CSP, "N99", None, None)
    meaning = forgiving.meaning(Source.CSP, "N99", None, None)
    assert CATALOGUE.version in meaning.text
    assert meaning.next_step
    known = report(Source.DSP, "E5", request=request_id(1), at=T0)
    assert forgiving.meaning(Source.DSP, known.code, None, None) == CATALOGUE.meaning(
        Source.DSP, "E5", None, None
    )
