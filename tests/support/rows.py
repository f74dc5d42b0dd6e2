"""Rows made of reports, with the catalogue and the types that are there from the start."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from projections.catalogue import load_catalogue
from projections.fold import Fold
from projections.rows import decode_row
from projections.state import Report, Row
from projections.status_derivation import derive_statuses
from projections.status_record import status_body
from schemas.codec import Codec

CATALOGUE = load_catalogue()
DEVICE_TYPES = frozenset({"ESME", "GSME"})
FOLD = Fold(CATALOGUE, DEVICE_TYPES)


def row_of(reports: Iterable[Report], fold: Fold = FOLD) -> Row:
    """The row of a set of reports, which stay the caller's."""
    row = fold.new_row()
    for report in reports:
        fold.add(row, msgspec.structs.replace(report))
    return row


def status_value(device: str, state: bytes) -> bytes:
    """A stored row as a value of the status topic, whoever's row it is."""
    row = decode_row(state)
    return Codec().prefix("FirmwareStatus") + status_body(device, row, derive_statuses(row), state)
