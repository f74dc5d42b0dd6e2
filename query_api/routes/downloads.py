"""A request as one CSV file, streamed from one snapshot: the same for programs and for people."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from starlette.responses import StreamingResponse

from query_api import render
from query_api.access import Caller
from query_api.desk import Desk
from query_api.reads import Filters, Freshness
from schemas.identifiers import ServiceRequestId

MEDIA_TYPE = "text/csv; charset=utf-8; header=present"


def csv_answer(
    desk: Desk, caller: Caller, request: ServiceRequestId, filters: Filters
) -> StreamingResponse:
    """Every wanted item of a request; :class:`~query_api.reads.NothingHeld`."""
    with ExitStack() as stack:
        download = desk.download(caller, request, filters, stack)
        chunks = _closing(stack.pop_all(), render.csv_chunks(download.items))
    return StreamingResponse(
        chunks, media_type=MEDIA_TYPE, headers=_headers(request, download.freshness)
    )


def _closing(held: ExitStack, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """``chunks``, with the snapshot held until the last one is out."""
    with held:
        yield from chunks


def _headers(request: ServiceRequestId, freshness: Freshness) -> dict[str, str]:
    """The file's name, and the freshness that has no place among six columns."""
    name = "firmware-distribution-" + request.replace(":", "_") + ".csv"
    return {
        "Content-Disposition": f'attachment; filename="{name}"',
        **render.freshness_headers(freshness),
    }
