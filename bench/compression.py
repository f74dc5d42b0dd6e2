"""Size and CPU time of answers: a page of 500 items, and 50,000 rows as CSV and as a workbook.

Both are read from a view on disk and rendered as the read side does it; then only the level of
compression differs. ``python -m bench.compression``; the table is in docs/performance.md.
"""

from __future__ import annotations

import gzip
import resource
import statistics
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from bench.pages import LARGEST, OWNER, filled, request_of
from projections.catalogue import load_catalogue
from query_api.identity.access import Caller, Role
from query_api.queries import rendering, workbook
from query_api.queries.reads import Filters, PageQuery, Reads
from query_api.view.listing import ForgivingCatalogue
from query_api.view.progress import Progress
from schemas.identifiers import ServiceRequestId
from schemas.topics import DAY_MS

LEVELS: Final = (1, 3, 5, 6, 9)
PAGE: Final = 500
ROUNDS: Final = 30
_GZIP_WINDOW: Final = 31
_CALLER: Final = Caller("bench", frozenset([OWNER]), frozenset([Role.SUPPLIER]))


def main() -> None:
    """Measure, and print the table."""
    console = Console()
    with tempfile.TemporaryDirectory() as scratch:
        view = filled(Path(scratch) / "view", LARGEST)
        progress = Progress()
        progress.begin(view, {0: 0}, {0: 0})
        reads = Reads(progress, ForgivingCatalogue(load_catalogue()), 30 * DAY_MS)
        table = Table("what", "level", "KiB", "CPU, ms")
        for row in [*_workbook(reads), *_page(reads), *_download(reads)]:
            table.add_row(*row)
        view.close()
    console.print(table)


def _page(reads: Reads) -> Iterator[tuple[str, ...]]:
    request = ServiceRequestId.parse(request_of(0))

    def page() -> bytes:
        with reads.snapshot() as snapshot:
            found = snapshot.page(_CALLER, PageQuery(request, Filters(), PAGE, None))
        return rendering.request(found, None).model_dump_json().encode()

    content = page()
    yield _row("500 items", "none", len(content), _cpu_ms(page, ROUNDS))
    for level in LEVELS:
        packed = gzip.compress(content, level, mtime=0)
        spent = _cpu_ms(partial(gzip.compress, content, level, mtime=0), ROUNDS)
        yield _row("500 items", str(level), len(packed), spent)


def _download(reads: Reads) -> Iterator[tuple[str, ...]]:
    request = ServiceRequestId.parse(request_of(0))

    def rows() -> list[bytes]:
        with reads.snapshot() as snapshot:
            return list(rendering.csv_chunks(snapshot.items(_CALLER, request, Filters())))

    chunks = rows()
    yield _row("50,000 rows", "none", sum(map(len, chunks)), _cpu_ms(rows, 3))
    for level in LEVELS:
        size = sum(map(len, _packed(chunks, level)))
        spent = _cpu_ms(partial(_packed, chunks, level), 3)
        yield _row("50,000 rows", str(level), size, spent)


def _workbook(reads: Reads) -> Iterator[tuple[str, ...]]:
    """Its size and time, and by how much the process grew at most."""
    request = ServiceRequestId.parse(request_of(0))

    def made() -> int:
        with ExitStack() as files, reads.snapshot() as snapshot:
            items = snapshot.items(_CALLER, request, Filters())
            return workbook.workbook(items, files).stat().st_size

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    size = made()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    yield _row("50,000 rows", f"workbook, +{grown / 1024:.0f} MiB", size, _cpu_ms(made, 3))


def _packed(chunks: list[bytes], level: int) -> list[bytes]:
    packer = zlib.compressobj(level, zlib.DEFLATED, _GZIP_WINDOW)
    out = [packer.compress(chunk) + packer.flush(zlib.Z_SYNC_FLUSH) for chunk in chunks]
    return [*out, packer.flush()]


def _cpu_ms(work: Callable[[], object], rounds: int) -> float:
    """Median milliseconds of this thread's processor time."""
    samples = []
    for _ in range(rounds):
        begun = time.thread_time()
        work()
        samples.append((time.thread_time() - begun) * 1000)
    return statistics.median(samples)


def _row(what: str, level: str, size: int, spent: float) -> tuple[str, ...]:
    return what, level, f"{size / 1024:,.1f}", f"{spent:,.1f}"


if __name__ == "__main__":
    main()
