"""Exports one partition of the latest-status table, a row an item; ``fdt export`` runs it.

The table is what the read side shows at the cut: items past their retention are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from fdt.analysis.exports.event_rows import TIME
from fdt.analysis.exports.export_folder import write_rows
from fdt.analysis.exports.exporting import Exported, Task
from fdt.analysis.parallel import Told
from fdt.analysis.status_rows import status_rows
from projections.catalogue import Catalogue, load_catalogue
from projections.retention import retain
from projections.rows import decode_row
from projections.views import ItemView, device_view
from runtime.access.schema_registry import registry
from schemas.codec import Codec
from schemas.identifiers import ServiceRequestId

_TEXTS: Final = (
    *("device_id", "service_request_id", "owner", "device_type", "firmware_version", "status"),
    *("completion", "reason_code", "reason", "next_step"),
)
SCHEMA: Final = pa.schema(
    [
        *(pa.field(name, pa.string()) for name in _TEXTS),
        pa.field("retryable", pa.bool_()),
        pa.field("updated_at", TIME),
        pa.field("available_until", TIME),
        pa.field("topic", pa.string()),
        pa.field("partition", pa.int32()),
        pa.field("offset", pa.int64()),
        pa.field("event_id", pa.string()),
        pa.field("events", pa.int32()),
        pa.field("copies", pa.int32()),
        pa.field("not_kept", pa.int32()),
        pa.field("status_partition", pa.int32()),
        pa.field("status_offset", pa.int64()),
    ]
)
"""``topic`` to ``event_id`` name the evidence of the status; ``status_…`` is the row's place in the
status topic."""

_CHUNK: Final = 10_000


@dataclass(frozen=True, slots=True)
class TableTask(Task):
    """One status partition to be exported, from its beginning."""

    catalogue: Path | None
    retention_ms: int


@dataclass(frozen=True, slots=True)
class TableExported(Exported):
    """The same of the table: ``read`` are devices, ``rows`` items."""

    covers: dict[str, int]
    """Source topic -> first offset that is not in the rows."""


def export_table(task: TableTask, told: Told) -> TableExported:
    """Read a status partition and write its file."""
    codec = Codec(registry(task.registry_url))
    found = status_rows(task.bootstrap, codec, task.span, told)
    catalogue = load_catalogue(task.catalogue)
    devices = len(found.rows)
    tables = [pa.Table.from_pylist([], SCHEMA)]
    chunk: list[dict[str, Any]] = []
    for device in sorted(found.rows):
        offset, value = found.rows.pop(device)
        state = codec.decode_field("FirmwareStatus", "state", value)
        chunk += _items(task, device, state, offset, found.time, catalogue)
        if len(chunk) >= _CHUNK:
            tables.append(pa.Table.from_pylist(chunk, SCHEMA))
            chunk = []
            told(task.span.size)
    rows = pa.concat_tables([*tables, pa.Table.from_pylist(chunk, SCHEMA)])
    write_rows(task.folder / "table" / f"p{task.span.partition:04}.{task.format}", rows)
    told(task.span.size)
    return TableExported(task.span, devices, rows.num_rows, found.covers)


def _items(
    task: TableTask, device: str, state: bytes, offset: int, now: int, catalogue: Catalogue
) -> Iterator[dict[str, Any]]:
    """The items of a device that are shown; with an owner, only the owner's."""
    retained = retain(decode_row(state), task.retention_ms, now)
    if retained.is_empty:
        return
    for item in device_view(device, retained.row, catalogue, task.retention_ms).items:
        owner = str(ServiceRequestId(item.service_request_id).owner)
        if task.owner in (None, owner):
            place = {"status_partition": task.span.partition, "status_offset": offset}
            yield {**_told(item, owner), **place}


def _told(item: ItemView, owner: str) -> dict[str, Any]:
    return {
        "device_id": item.device_id,
        "service_request_id": item.service_request_id,
        "owner": owner,
        "device_type": item.device_type,
        "firmware_version": item.firmware_version,
        "status": item.status.label,
        "completion": item.completion.value,
        "reason_code": item.reason.code,
        "reason": item.reason.text,
        "next_step": item.reason.next_step,
        "retryable": item.reason.retryable,
        "updated_at": item.updated_at,
        "available_until": item.available_until,
        "topic": item.evidence.topic,
        "partition": item.evidence.partition,
        "offset": item.evidence.offset,
        "event_id": item.evidence.event_id,
        "events": len(item.timeline),
        "copies": sum(entry.copies for entry in item.timeline),
        "not_kept": item.not_kept,
    }
