"""The event that decides between two rows is named from the right one first."""

from __future__ import annotations

from fdt.analysis.proof.deciding import deciding
from projections.rows import encode_row
from projections.state import Report
from tests.query_api.world import accepted, approved, delivered
from tests.support.events import REQUEST
from tests.support.rows import row_of


def row(*reports: Report) -> bytes:
    """A stored row."""
    return encode_row(row_of(reports))


FIRST = accepted(REQUEST, offset=3)
SECOND = approved(REQUEST, offset=7)
THIRD = delivered(offset=9)


def test_an_event_that_is_missing() -> None:
    """The first that the wrong row lacks, or has otherwise; all of them where it has no row."""
    right = row(FIRST, SECOND, THIRD)
    assert "firmware.csp.v1[0] offset 7, event" in str(deciding(right, row(FIRST, THIRD)))
    assert "firmware.dsp.v1[0] offset 3, event" in str(deciding(right, None))
    assert "firmware.dsp.v1[0] offset 3, event" in str(deciding(right, b"no row at all"))


def test_an_event_that_is_too_many() -> None:
    """The first that only the wrong row has."""
    assert "firmware.csp.v1[0] offset 7" in str(deciding(row(FIRST), row(FIRST, SECOND, THIRD)))
    assert "firmware.dsp.v1[0] offset 3" in str(deciding(None, row(FIRST)))


def test_where_events_are_the_same_the_evidence_decides() -> None:
    """Of the first item."""
    same = row(FIRST, SECOND)
    assert "firmware.csp.v1[0] offset 7" in str(deciding(same, same))
    assert deciding(None, None) is None
