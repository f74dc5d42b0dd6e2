"""Tabulates what a Comms Hub report does that names a version or an image.

Made by folding each combination, for docs/lifecycle.md: the rules are in
:mod:`projections.correlation` (I15).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any, Final

from projections.catalogue import Catalogue
from projections.events import Place, Reader
from projections.fold import Fold
from projections.views import device_view
from schemas.codec import BadRecord
from schemas.topics import DAY_MS, Source

_DEVICE: Final = "00-DB-12-34-56-78-90-A0"
_REQUEST: Final = "90-B3-D5-1F-30-01-00-00:90-B3-D5-1F-30-00-00-02:1000"
_TARGET: Final = "0002012F"
_OTHER: Final = "00020130"
_IMAGE: Final = "AB" * 32
_OTHER_IMAGE: Final = "CD" * 32
_BEGAN_MS: Final = 1_795_000_000_000
_MINUTE_MS: Final = 60_000
_TYPES: Final = frozenset({"ESME"})

REPORTS: Final[dict[str, dict[str, Any]]] = {
    "11.2 reply (`GCS38`)": {"code": "GCS38"},
    "activated (`CS06/0`)": {"code": "CS06", "result_code": 0},
    "activated, dated (`8F66` 00CA)": {"code": "8F66", "message_code": "00CA"},
    "not activated (`CS06/3`)": {"code": "CS06", "result_code": 3},
    "delivered (`8F8A/0`)": {"code": "8F8A", "result_code": 0},
}
SAYS: Final[dict[str, dict[str, str]]] = {
    "nothing": {},
    "the target runs": {"running_version": _TARGET},
    "another version runs": {"running_version": _OTHER},
    "another target": {"firmware_version": _OTHER},
    "this target, another runs": {"firmware_version": _TARGET, "running_version": _OTHER},
    "another image": {"image_hash": _OTHER_IMAGE},
}
"""What a report says of versions and images, beside its code."""


def chapter(catalogue: Catalogue) -> Iterator[str]:
    """The chapter of docs/lifecycle.md."""
    yield "## A report that says which version or image it is about\n\n"
    yield (
        "An activation is believed only of the version that the report speaks of: the version that "
        "runs, if it says that,\nelse its target, else the versions that the device's DSP events "
        "give for its image hash. One that names a request for\nanother version stands in the "
        "history without a status; one that names no request waits for a request for *that*\n"
        "version. After a failed activation the old version runs: that contradicts nothing. Of a "
        "delivery the request that it\nnames counts, whatever it says beside it; the type, "
        "version and hash of an item are those of its earliest DSP event,\nelse of its earliest "
        "CSP event. A result that contradicts its code is refused (`unknown-code`).\n\n"
    )
    for title, opening in _OPENINGS.items():
        yield f"{title}:\n\n| Report | {' | '.join(SAYS)} |\n{'|---' * (len(SAYS) + 1)}|\n"
        for name, report in REPORTS.items():
            cells = (_both(catalogue, opening, report | says) for says in SAYS.values())
            yield f"| {name} | {' | '.join(cells)} |\n"
        yield "\n"


_OPENINGS: Final[dict[str, tuple[Source, dict[str, Any]]]] = {
    "The DSP told the target and its image; the report names the request / names none": (
        Source.DSP,
        {"service_reference_variant": "11.1", "image_hash": _IMAGE, "code": "I99"},
    ),
    "Only the CSP told the target, so no image is known": (
        Source.CSP,
        {"csp_region": "North", "comms_hub_id": None, "code": "APPROVED"},
    ),
}


def _both(
    catalogue: Catalogue, opening: tuple[Source, dict[str, Any]], says: dict[str, Any]
) -> str:
    """The outcome with the request named, and without."""
    named = _outcome(catalogue, opening, says | {"service_request_id": _REQUEST})
    unnamed = _outcome(catalogue, opening, says)
    return named if named == unnamed else f"{named} / {unnamed}"


def _outcome(
    catalogue: Catalogue, opening: tuple[Source, dict[str, Any]], says: dict[str, Any]
) -> str:
    reader = Reader(catalogue, _TYPES, 2 * DAY_MS)
    fold = Fold(catalogue, _TYPES)
    row = fold.new_row()
    source, fields = opening
    item = {"service_request_id": _REQUEST, "device_type": "ESME", "firmware_version": _TARGET}
    fold.add(row, reader.report(source, _record(0, item | fields), _place(0))[1])
    silent = dict.fromkeys(
        ("service_request_id", "firmware_version", "running_version", "image_hash", "result_code")
    )
    try:
        report = reader.report(
            Source.COMMS_HUB, _record(1, silent | {"message_code": None} | says), _place(1)
        )[1]
    except BadRecord as bad:
        return f"refused: `{bad.reason}`"
    fold.add(row, report)
    view = device_view(_DEVICE, row, catalogue, 30 * DAY_MS)
    if view.unmatched:
        return "waits"
    status = view.items[0].timeline[1].status
    return "no status" if status is None else status.label


def _record(minute: int, fields: dict[str, Any]) -> dict[str, Any]:
    return {
        "event_id": str(uuid.UUID(int=minute + 1)),
        "device_id": _DEVICE,
        "detail": None,
        "occurred_at": _BEGAN_MS + minute * _MINUTE_MS,
        **fields,
    }


def _place(minute: int) -> Place:
    return Place(0, minute, _BEGAN_MS + minute * _MINUTE_MS)
