"""A request as one file from one snapshot, CSV or workbook: for the API and the screen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from starlette.responses import StreamingResponse

from query_api.api.common import rate_limit_headers
from query_api.identity.access import Caller
from query_api.queries import rendering, workbook
from query_api.queries.query_service import Download, QueryService
from query_api.queries.reads import Filters, Freshness
from schemas.identifiers import ServiceRequestId

MEDIA_TYPE = "text/csv; charset=utf-8; header=present"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The items to be put into a file."""

    queries: QueryService
    caller: Caller
    request: ServiceRequestId
    filters: Filters
    head_only: bool
    """Whether he only asks for the headers of the answer."""

    def download(self, held: ExitStack) -> Download:
        """The items, from a snapshot that ``held`` keeps open."""
        return self.queries.download(
            self.caller, self.request, self.filters, held, unread=self.head_only
        )


def csv_answer(wanted: Wanted) -> StreamingResponse:
    """The items as CSV, streamed; :class:`~query_api.queries.reads.NothingHeld`."""
    if wanted.head_only:
        # The line of the headings: what is compressed is chosen by whether a part has come.
        return _headers_alone(wanted, "csv", MEDIA_TYPE, rendering.csv_chunks(()))
    with ExitStack() as stack:
        download = wanted.download(stack)
        chunks = _closing(stack.pop_all(), rendering.csv_chunks(download.items))
    return StreamingResponse(
        chunks, media_type=MEDIA_TYPE, headers=_headers(wanted, "csv", download.freshness)
    )


def workbook_answer(wanted: Wanted) -> StreamingResponse:
    """The items as a workbook; :class:`~query_api.queries.reads.NothingHeld`."""
    if wanted.head_only:
        return _headers_alone(wanted, "xlsx", workbook.MEDIA_TYPE, ())
    with ExitStack() as files:
        with ExitStack() as snapshot:
            download = wanted.download(snapshot)
            path = workbook.workbook(download.items, files)
        length = path.stat().st_size
        chunks = _closing(files.pop_all(), workbook.chunks(path))
    headers = _headers(wanted, "xlsx", download.freshness) | {"Content-Length": str(length)}
    return StreamingResponse(chunks, media_type=workbook.MEDIA_TYPE, headers=headers)


def _headers_alone(
    wanted: Wanted, ending: str, media_type: str, chunks: Iterable[bytes]
) -> StreamingResponse:
    """What ``HEAD`` tells at the cost of the look whether there is anything: all but the length,
    which is known when the body is made (RFC 9110, section 9.3.2)."""
    with ExitStack() as held:
        freshness = wanted.download(held).freshness
    headers = _headers(wanted, ending, freshness)
    return StreamingResponse(chunks, media_type=media_type, headers=headers)


def _closing(held: ExitStack, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """``chunks``; ``held`` is closed after the last one, or when the client is gone."""
    with held:
        yield from chunks


def _headers(wanted: Wanted, ending: str, freshness: Freshness) -> dict[str, str]:
    """The file's name, freshness and rate limit: the file itself has no place for them."""
    name = "firmware-distribution-" + wanted.request.replace(":", "_") + f".{ending}"
    return {
        "Content-Disposition": f'attachment; filename="{name}"',
        **rendering.freshness_headers(freshness),
        **rate_limit_headers(wanted.queries.downloads_left(wanted.caller)),
    }
