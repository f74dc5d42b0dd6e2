"""Exports one partition of a topic, from where the last export ended.

``fdt export`` runs it in processes of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from confluent_kafka import Message

from fdt.analysis.cut import Span
from fdt.analysis.exports import event_rows, letter_rows
from fdt.analysis.exports.export_folder import BLOCK, Format, read_rows, write_rows
from fdt.analysis.parallel import Told
from fdt.analysis.reading import batches
from runtime.access.schema_registry import registry
from schemas.codec import Codec
from schemas.topics import DAY_MS, DEAD_LETTERS

_EPOCH: Final = date(1970, 1, 1)
Rows = Callable[[Sequence[Message]], Any]


@dataclass(frozen=True, slots=True)
class Task:
    """One partition to be exported."""

    bootstrap: str
    registry_url: str | None
    folder: Path
    format: Format
    owner: str | None
    span: Span


@dataclass(frozen=True, slots=True)
class Exported:
    """What was exported of one partition."""

    span: Span
    read: int
    """Committed records."""
    rows: int
    """Those that are in files: with an owner, the owner's."""


def export(task: Task, told: Told) -> Exported:
    """Read a partition's span and write its files; each is complete once it is there."""
    span, reach = task.span, _reach(task)
    read, rows, block = 0, 0, _Block(task, reach, task.span.start // BLOCK)
    for messages in batches(task.bootstrap, span):
        read += len(messages)
        for number, part in _by_block(messages):
            if number != block.number:
                rows += block.write()
                block = _Block(task, reach, number)
            block.add(part)
        told((messages[-1].offset() or 0) + 1 - span.start)
    rows += block.write()
    told(span.size)
    return Exported(span, read, rows)


@dataclass(frozen=True, slots=True)
class _Reach:
    """How a topic's records become rows, and into which folders they go."""

    rows: Rows
    schema: Any
    time: str
    """The column by whose day the files are split."""
    place: Callable[[Any, str], Iterator[tuple[str, Any]]]
    """Splits the rows of one day: (folder, rows)."""


def _reach(task: Task) -> _Reach:
    codec, topic = Codec(registry(task.registry_url)), task.span.topic
    if topic == DEAD_LETTERS:
        letters = letter_rows.LetterRows(codec, task.owner)
        return _Reach(letters.rows, letter_rows.SCHEMA, "refused_at", letter_rows.places)
    events = event_rows.EventRows(codec, topic, task.owner)
    place = partial(_in_one, f"source={event_rows.source_name(topic)}")
    return _Reach(events.rows, event_rows.SCHEMA, "received_at", place)


def _in_one(source: str, rows: Any, day: str) -> Iterator[tuple[str, Any]]:
    yield f"events/{day}/{source}", rows


class _Block:
    """The rows of one block of offsets, until all are collected."""

    def __init__(self, task: Task, reach: _Reach, number: int) -> None:
        self.number = number
        self._task = task
        self._reach = reach
        self._tables: list[Any] = []

    def add(self, messages: Sequence[Message]) -> None:
        """More of the block's records."""
        self._tables.append(self._reach.rows(messages))

    def write(self) -> int:
        """Write a file for each day; returns the number of new rows."""
        if not self._tables:
            return 0
        rows = pa.concat_tables(self._tables)
        days = pc.divide(rows[self._reach.time].cast(pa.int64()), DAY_MS)
        for day in sorted(pc.unique(days).to_pylist()):
            of_day = rows.filter(pc.equal(days, day))
            named = f"day={(_EPOCH + timedelta(days=day)).isoformat()}"
            for place, part in self._reach.place(of_day, named):
                self._write(self._task.folder / place, part)
        return int(rows.num_rows)

    def _write(self, folder: Path, rows: Any) -> None:
        """Write a file, together with the rows that an earlier run has put into it."""
        span = self._task.span
        name = f"p{span.partition:04}-{self.number * BLOCK:012}.{self._task.format}"
        if (folder / name).exists():
            held = read_rows(folder / name, self._reach.schema)
            before = held.filter(pc.less(held["offset"], span.start))
            rows = pa.concat_tables([before, rows])
        write_rows(folder / name, rows)


def _by_block(messages: Sequence[Message]) -> Iterator[tuple[int, Sequence[Message]]]:
    """The records of a batch by block of offsets."""
    begin = 0
    while begin < len(messages):
        number = (messages[begin].offset() or 0) // BLOCK
        end = begin
        while end < len(messages) and (messages[end].offset() or 0) // BLOCK == number:
            end += 1
        yield number, messages[begin:end]
        begin = end
