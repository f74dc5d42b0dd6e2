"""``fdt registry``: the published schemas in a registry, and what the files' ids mean there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from fdt.errors import RunFailed
from fdt.report import AsJson, Column, Report
from fdt.settings import Settings


@dataclass(frozen=True, slots=True)
class RegisteredLine:
    """One version of one record."""

    record: Annotated[str, "Name of the record."]
    subject: Annotated[str, "Subject in the registry."]
    file_id: Annotated[int, "Its id without a registry (`schemas/avro/registry.json`)."]
    id: Annotated[int, "Its id in the registry."]
    two_meanings: Annotated[
        bool, "Whether the file's id means another schema of the same record in the registry."
    ]


LINES: Final = (RegisteredLine,)

_COLUMNS: Final[tuple[Column[RegisteredLine], ...]] = (
    Column("Record", lambda line: line.record),
    Column("Subject", lambda line: line.subject),
    Column("Id of the files", lambda line: str(line.file_id)),
    Column("Id in the registry", lambda line: str(line.id)),
    Column("", lambda line: "two meanings" if line.two_meanings else "", prose=True),
)

_NOTICE: Final = (
    "FDT_KEEP_FILE_IDS cannot be set here; topics without records from before the registry do not "
    "need it."
)


def registry(as_json: AsJson = False) -> None:
    """Register every published schema, older versions first, and have the registry guard them."""
    from fdt.kafka.published_schemas import ensure_schemas
    from schemas.registration import LEVEL

    settings = Settings()
    report = Report(as_json)
    lines = [
        RegisteredLine(one.record, one.subject, one.file_id, one.registry_id, one.two_meanings)
        for one in ensure_schemas(settings)
    ]
    report.lines(lines, _COLUMNS)
    report.say(f"{len(lines)} schemas are registered and guarded ({LEVEL}).")
    if two := [str(line.file_id) for line in lines if line.two_meanings]:
        said = f"Id {', '.join(two)} means one thing in the files and another in the registry."
        if settings.keep_file_ids:
            raise RunFailed(f"{said} Records under it are refused: docs/how-to/registry.md.")
        report.say(f"{said} {_NOTICE}")
