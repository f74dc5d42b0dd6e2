"""``fdt as-at``: what was shown of a device at an earlier time, by its row in the status topic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fdt.options import identifier
from fdt.report import AsJson, Column, Report
from fdt.settings import Settings
from fdt.times import duration_ms, milliseconds, time_of
from schemas.identifiers import DeviceId, ServiceRequestId
from schemas.partitioning import partition_of
from schemas.topics import STATUS
from sources.wire import rfc3339

if TYPE_CHECKING:
    from projections.questions.as_at import AsAt


@dataclass(frozen=True, slots=True)
class AsAtLine:
    """One item of the device as it was."""

    service_request_id: Annotated[str, "The request."]
    device_id: Annotated[str, "The device."]
    firmware_version: Annotated[str, "What it was to be updated to."]
    status: Annotated[str, "Its Processing Status then."]
    completion: Annotated[str, "Its Completion Status then."]
    reason: Annotated[str, "Native code of its evidence, with result."]
    updated_at: Annotated[str, "Since when the status held (RFC 3339, UTC)."]
    doubts: Annotated[
        list[str], "Why it may not be all that was there: `forgotten`, `capped`; empty if it is."
    ]


LINES: Final = (AsAtLine,)

_COLUMNS: Final[tuple[Column[AsAtLine], ...]] = (
    Column("Request", lambda line: line.service_request_id),
    Column("Version", lambda line: line.firmware_version),
    Column("Status", lambda line: line.status, prose=True),
    Column("Reason", lambda line: line.reason),
    Column("Since", lambda line: line.updated_at),
    Column("Doubts", lambda line: " ".join(line.doubts)),
)


def as_at(
    time: Annotated[str, typer.Argument(help="The time (RFC 3339), by the broker's receipt.")],
    device: Annotated[str, typer.Argument(help="One Device ID.")],
    request: Annotated[str | None, typer.Option(help="Only this Service Request ID.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what was shown of a device at a time, and what its row cannot tell."""
    at, settings = milliseconds(time_of("TIME", time)), Settings()
    named = identifier(DeviceId.parse, device)
    wanted = None if request is None else identifier(ServiceRequestId.parse, request)
    found = _found(settings, named, at)
    lines = [] if found is None else _lines(settings, found, named)
    shown = [line for line in lines if wanted in (None, line.service_request_id)]
    report = Report(as_json)
    report.lines(shown, _COLUMNS)
    report.say(f"{len(shown)} items at {rfc3339(at)}.")
    if found is None or found.doubts():
        report.say(
            f"What has ended since is not in the row: fdt replay --table FOLDER --to {rfc3339(at)} "
            "makes it from the events."
        )


def _found(settings: Settings, device: DeviceId, at: int) -> AsAt | None:
    """The device as it was; None if the status topic has no row of it."""
    from fdt.analysis.cut import cut
    from fdt.analysis.status_rows import status_rows
    from projections.questions.as_at import as_at
    from projections.rows import decode_row
    from runtime.access.schema_registry import registry
    from schemas.codec import Codec

    bootstrap = settings.require_brokers()
    spans = cut(bootstrap, [STATUS]).of(STATUS)
    codec = Codec(registry(settings.schema_registry_url))
    held = status_rows(bootstrap, codec, spans[partition_of(device, len(spans))]).rows.get(device)
    if held is None:
        return None
    row = decode_row(codec.decode_field("FirmwareStatus", "state", held[1]))
    return as_at(row, at, duration_ms(settings.retention))


def _lines(settings: Settings, found: AsAt, device: DeviceId) -> list[AsAtLine]:
    from projections.catalogue import load_catalogue
    from projections.views import device_view

    catalogue = load_catalogue(settings.catalogue_path)
    view = device_view(device, found.retained.row, catalogue, duration_ms(settings.retention))
    return [
        AsAtLine(
            service_request_id=item.service_request_id,
            device_id=item.device_id,
            firmware_version=item.firmware_version,
            status=item.status.label,
            completion=str(item.completion),
            reason=item.reason.code,
            updated_at=rfc3339(item.updated_at),
            doubts=[str(doubt) for doubt in found.doubts(item.service_request_id)],
        )
        for item in view.items
    ]
