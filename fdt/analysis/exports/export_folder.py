"""The folder of an export: its files, how far they reach, and how they are written.

A file holds the records of one block of offsets of one partition that came on one day. So its
content depends on the log alone, not on how many runs it took. Every file appears whole or not at
all; ``export.json``, written last, says up to where the folder is complete.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from fdt.errors import UserError
from fdt.processes.one_at_a_time import one_at_a_time

BLOCK: Final = 1 << 16
"""Offsets of a block."""
LAYOUT: Final = 1
"""Version of names, columns and files: all of a folder have the same."""
Format = Literal["parquet", "csv"]

_MANIFEST: Final = "export.json"
_LOCK: Final = ".lock"
_PART: Final = ".part"
_PLAIN: Final = frozenset(("offset", "event_id", "device_id", "key_base64", "value_base64"))
"""Columns whose values hardly repeat: a dictionary of them would be as long as they are."""


class Manifest(msgspec.Struct):
    """What an export folder holds."""

    format: Format
    owner: str | None
    layout: int = LAYOUT
    topics: dict[str, str] = {}
    """Topic -> the broker's id of it."""
    next_offsets: dict[str, dict[int, int]] = {}
    """Topic -> partition -> first offset that is not exported."""
    table: dict[int, dict[str, int]] = {}
    """Status partition -> topic -> first offset that its rows do not cover."""


@contextmanager
def opened(folder: Path, wanted: Manifest) -> Iterator[Manifest]:
    """The manifest of a folder, which is locked meanwhile; it is made if there is none.

    :class:`~fdt.errors.UserError` if another export has the folder, or it holds an export of
    another kind.
    """
    manifest = folder / _MANIFEST
    if folder.exists() and not manifest.exists() and _is_used(folder):
        raise UserError(
            f"{folder} holds files and no {_MANIFEST}, so it is no export: name a new folder."
        )
    folder.mkdir(parents=True, exist_ok=True)
    with one_at_a_time(folder / _LOCK, f"Another fdt export writes to {folder}: wait for its end."):
        for left in folder.rglob(f"*{_PART}"):
            left.unlink()
        if not manifest.exists():
            save(folder, wanted)
        held = _read(manifest)
        _require_same(folder, held, wanted)
        yield held


def manifest_of(folder: Path) -> Manifest:
    """What a folder holds; :class:`~fdt.errors.UserError` if it is no export of this layout."""
    path = folder / _MANIFEST
    if not path.exists():
        raise UserError(f"{folder} has no {_MANIFEST}: name the folder of an fdt export.")
    held = _read(path)
    if held.layout != LAYOUT:
        raise UserError(f"{folder} has layout {held.layout}, not {LAYOUT}: export it anew.")
    return held


def save(folder: Path, manifest: Manifest) -> None:
    """Write the manifest."""
    plain = msgspec.to_builtins(manifest, str_keys=True)
    data = msgspec.json.format(msgspec.json.encode(plain, order="sorted"), indent=2)
    replace(folder / _MANIFEST, lambda path: path.write_bytes(data + b"\n"))


def write_rows(path: Path, rows: Any) -> None:
    """Write an Arrow table, as the file's name says: equal rows make equal bytes."""
    rows = rows.combine_chunks()
    replace(path, lambda made: _WRITERS[path.suffix](rows, made))


def read_rows(path: Path, schema: Any) -> Any:
    """The Arrow table of a file that :func:`write_rows` wrote."""
    if path.suffix == ".parquet":
        return pyarrow.parquet.read_table(path, schema=schema, partitioning=None)
    kinds = {field.name: field.type for field in schema}
    options = pyarrow.csv.ConvertOptions(
        column_types=kinds, strings_can_be_null=True, quoted_strings_can_be_null=False
    )
    parsing = pyarrow.csv.ParseOptions(newlines_in_values=True)
    return pyarrow.csv.read_csv(path, parse_options=parsing, convert_options=options).cast(schema)


def replace(path: Path, write: Callable[[Path], object]) -> None:
    """Replace a file as a whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}{_PART}")
    write(part)
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(path)


def _write_parquet(rows: Any, path: Path) -> None:
    repeated = [name for name in rows.column_names if name not in _PLAIN]
    pyarrow.parquet.write_table(
        rows, path, compression="zstd", use_dictionary=repeated, row_group_size=BLOCK
    )


def _write_csv(rows: Any, path: Path) -> None:
    """Times in RFC 3339; no value is an empty cell, and an empty text is two quotation marks."""
    for number, field in enumerate(rows.schema):
        if pa.types.is_timestamp(field.type):
            told = pc.strftime(rows.column(number), format="%Y-%m-%dT%H:%M:%SZ")
            rows = rows.set_column(number, field.name, told)
    pyarrow.csv.write_csv(rows, path)


_WRITERS: Final = {".parquet": _write_parquet, ".csv": _write_csv}


def _is_used(folder: Path) -> bool:
    return not folder.is_dir() or any(each.name != _LOCK for each in folder.iterdir())


def _read(path: Path) -> Manifest:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except msgspec.DecodeError as error:
        raise UserError(f"{path} cannot be read ({error}): export into a new folder.") from error


def _require_same(folder: Path, held: Manifest, wanted: Manifest) -> None:
    for what, has, asked in (
        ("layout", held.layout, wanted.layout),
        ("format", held.format, wanted.format),
        ("owner", held.owner or "everybody", wanted.owner or "everybody"),
    ):
        if has != asked:
            raise UserError(
                f"{folder} holds an export of another {what} ({has}, not {asked}): name another "
                "folder."
            )
