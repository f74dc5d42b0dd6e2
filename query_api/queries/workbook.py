"""A request as an Excel workbook: the rows of the CSV, with typed cells.

A spreadsheet reads ``00010203`` or ``12345E07`` in a CSV as a number. Here identifiers are text and
times are times (UTC). Rows are written one by one to a file on disk, so memory use is constant.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import xlsxwriter

from projections.views import ItemView
from query_api.queries.rendering import CSV_COLUMNS, reason_words

MEDIA_TYPE: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_SHEET: Final = "Devices"
_WIDTHS: Final = (56, 17, 25, 26, 60, 22)
"""Width of each column in characters."""
_TIME: Final = "yyyy-mm-dd hh:mm:ss"
_CHUNK: Final = 64 * 1024
_MADE: Final = datetime(2000, 1, 1)
"""Creation time in the file's properties: it is fixed, so that equal rows give equal bytes."""


def workbook(items: Iterable[ItemView], held: ExitStack) -> Path:
    """A file with a heading and one row for each item; ``held`` deletes it."""
    folder = held.enter_context(TemporaryDirectory(prefix="fdt-workbook-"))
    path = Path(folder) / "request.xlsx"
    book = xlsxwriter.Workbook(
        path,
        {
            "constant_memory": True,
            "tmpdir": folder,
            "strings_to_formulas": False,
            "strings_to_numbers": False,
            "strings_to_urls": False,
        },
    )
    book.set_properties({"created": _MADE})
    _fill(book, items)
    book.close()
    return path


def chunks(path: Path) -> Iterator[bytes]:
    """The bytes of a file."""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _fill(book: Any, items: Iterable[ItemView]) -> None:
    sheet = book.add_worksheet(_SHEET)
    time = book.add_format({"num_format": _TIME})
    for column, width in enumerate(_WIDTHS):
        sheet.set_column(column, column, width)
    heading = (*CSV_COLUMNS[:-1], f"{CSV_COLUMNS[-1]} (UTC)")
    sheet.write_row(0, 0, heading, book.add_format({"bold": True}))
    row = 0
    for row, item in enumerate(items, 1):
        _write(sheet, row, item, time)
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, row, len(CSV_COLUMNS) - 1)


def _write(sheet: Any, row: int, item: ItemView, time: Any) -> None:
    texts = (
        item.service_request_id,
        item.firmware_version,
        item.device_id,
        item.status.label,
        reason_words(item),
    )
    for column, text in enumerate(texts):
        sheet.write_string(row, column, text)
    updated = datetime.fromtimestamp(item.updated_at / 1000, UTC).replace(tzinfo=None)
    sheet.write_datetime(row, len(texts), updated, time)
