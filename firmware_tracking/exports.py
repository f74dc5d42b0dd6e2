"""A folder that ``fdt export`` wrote, opened for analysis; an analyst's program calls it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from fdt.analysis.exports import event_rows, letter_rows, table_rows
from fdt.analysis.exports.export_folder import manifest_of
from fdt.errors import UserError
from firmware_tracking.event import Event
from projections.events import RECORDS
from schemas.registry import current_schemas
from schemas.topics import SOURCE_TOPICS, TOPIC_SOURCES

_PLACES: Final = pa.schema([("day", pa.date32()), ("source", pa.string())])
_KEY_REASONS: Final = frozenset(("missing-key", "key-mismatch"))
"""Reasons that concern the key. An export has no keys, and a record that is sent again keeps its
key."""


@dataclass(frozen=True, slots=True)
class Export:
    """Events, dead letters and table, each a ``pyarrow.dataset.Dataset``."""

    events: Any
    """With ``day`` and ``source``, which the folders are named by."""
    dead_letters: Any
    """Likewise."""
    table: Any
    """A row an item."""

    @property
    def partitions(self) -> list[int]:
        """The partition numbers that have events: a device's are in one of them."""
        numbers = self.events.to_table(columns=["partition"])["partition"]
        return sorted(pc.unique(numbers).to_pylist())

    def read(self, partition: int | None = None) -> Iterator[Event]:
        """The events, all or those of one partition number, for :func:`firmware_tracking.fold`.

        What the processor refused has its reason.
        """
        letters = self._refusals()
        for topic in SOURCE_TOPICS.values():
            wanted = pc.field("topic") == topic
            if partition is not None:
                wanted &= pc.field("partition") == partition
            for batch in self.events.to_batches(filter=wanted):
                yield from _events(topic, batch, letters)

    def _refusals(self) -> dict[tuple[str, int, int], str]:
        """Topic, partition and offset of each refused record -> reason."""
        names = ["topic", "first_partition", "first_offset", "reason"]
        letters = self.dead_letters.to_table(columns=names, filter=pc.field("topic").is_valid())
        return {
            (row["topic"], row["first_partition"], row["first_offset"]): row["reason"]
            for row in letters.to_pylist()
        }


def read_export(folder: Path | str) -> Export:
    """Open a folder of Parquet files; :class:`~fdt.errors.UserError` if it is none."""
    path = Path(folder)
    manifest = manifest_of(path)
    if manifest.format != "parquet":
        raise UserError(f"{path} has {manifest.format} files: export as Parquet.")
    return Export(
        _dataset(path / "events", event_rows.SCHEMA, _PLACES),
        _dataset(path / "dead-letters", letter_rows.SCHEMA, _PLACES),
        _dataset(path / "table", table_rows.SCHEMA, pa.schema([])),
    )


def _dataset(folder: Path, schema: Any, places: Any) -> Any:
    """The files of a folder as one; of none, a dataset of no rows."""
    whole = pa.schema([*schema, *places])
    files = sorted(str(path) for path in folder.rglob("*.parquet"))
    if not files:
        return ds.dataset(whole.empty_table())
    partitioning = ds.partitioning(places, flavor="hive")
    return ds.dataset(
        files,
        schema=whole,
        format="parquet",
        partitioning=partitioning,
        partition_base_dir=str(folder),
    )


def _events(topic: str, batch: Any, letters: dict[tuple[str, int, int], str]) -> Iterator[Event]:
    source = TOPIC_SOURCES[topic]
    names = [each["name"] for each in current_schemas()[RECORDS[source]][1]["fields"]]
    places = ("partition", "offset", "received_at")
    firsts = tuple(f"first_{name}" for name in places)
    columns = {name: _plain(batch.column(name)) for name in {*places, *firsts, "problem", *names}}
    for row in range(batch.num_rows):
        partition, offset, received = (columns[name][row] for name in places)
        first = None
        if columns["first_offset"][row] is not None:
            first = tuple(columns[name][row] for name in firsts)
        refused = columns["problem"][row] or _refusal(letters, topic, (partition, offset), first)
        fields = {name: columns[name][row] for name in names}
        yield Event(
            topic,
            partition,
            offset,
            received,
            fields if fields["event_id"] is not None else {},
            refused,
            first,
        )


def _refusal(
    letters: dict[tuple[str, int, int], str],
    topic: str,
    place: tuple[int, int],
    first: tuple[int, int, int] | None,
) -> str | None:
    """Why the processor refused a record.

    A letter names the place where its record first stood. A record that was sent again is judged
    anew by its fields, but not by its key.
    """
    if first is None:
        return letters.get((topic, *place))
    reason = letters.get((topic, *first[:2]))
    return reason if reason in _KEY_REASONS else None


def _plain(column: Any) -> list[Any]:
    """Times as milliseconds."""
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    values: list[Any] = column.to_pylist()
    return values
