"""Folds an export into Arrow tables, which the notebook queries beside the export's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa

from fdt.analysis.exports.event_rows import source_name
from firmware_tracking import Export, Item, fold
from projections.lifecycle import LIFECYCLE, STAGE_NAMES, Completion

_TIME: Final = pa.timestamp("ms", tz="UTC")
SCHEMA: Final = pa.schema(
    [
        *(pa.field(name, pa.string()) for name in ("device_id", "service_request_id")),
        *(pa.field(name, pa.string()) for name in ("device_type", "source", "status")),
        pa.field("stage", pa.int32()),
        pa.field("advances", pa.bool_()),
        pa.field("occurred_at", _TIME),
        pa.field("received_at", _TIME),
        pa.field("event_id", pa.string()),
        pa.field("marks", pa.list_(pa.string())),
    ]
)
"""``stage`` and ``status`` are null where a report does not change the item; ``advances`` says that
its stage went well."""


def steps_of(export: Export) -> Any:
    """Every event of every item once, as the processor reads it; one partition after the other."""
    tables = [SCHEMA.empty_table()]
    for number in export.partitions:
        items = fold(export.read(number)).items
        rows = [row for item in items for row in _steps(item)]
        tables.append(pa.Table.from_pylist(rows, SCHEMA))
    return pa.concat_tables(tables)


def _steps(item: Item) -> Iterator[dict[str, Any]]:
    for entry in item.timeline:
        row = None if entry.status is None else entry.status.row
        yield {
            "device_id": item.device_id,
            "service_request_id": item.service_request_id,
            "device_type": item.device_type,
            "source": source_name(entry.evidence.topic),
            "status": None if row is None else row.label,
            "stage": None if row is None else row.stage,
            "advances": row is not None and row.completion is not Completion.FAILED,
            "occurred_at": entry.occurred_at,
            "received_at": entry.received_at,
            "event_id": entry.evidence.event_id,
            "marks": list(entry.marks),
        }


def stages() -> Any:
    """The stages that an item waits for, by number, with their names."""
    names = {number: f"{number}  {name}" for number, name in STAGE_NAMES.items()}
    return pa.table({"stage": pa.array([*names], pa.int32()), "name": [*names.values()]})


def statuses() -> Any:
    """Every status in the order of the lifecycle."""
    return pa.table({"status": [row.label for row in LIFECYCLE], "place": [*range(len(LIFECYCLE))]})
