"""``fdt contract check``: what the processor would make of a publisher's samples."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from fdt.errors import RunFailed, UserError
from fdt.report import AsJson, Column, Report
from fdt.settings import Settings
from fdt.times import milliseconds, time_of


@dataclass(frozen=True, slots=True)
class JudgementLine:
    """What the processor makes of one sample."""

    sample: Annotated[str, "The file, with `#` and a number where it holds more than one."]
    verdict: Annotated[
        Literal["folded", "waits", "kept", "copy", "refused"],
        "`folded` into its item; `waits` for its item; `kept`, and not shown yet; a `copy` of one "
        "before it; or `refused`: a dead letter.",
    ]
    topic: Annotated[str | None, "The topic; null where neither sample nor schema tells it."]
    partition: Annotated[int, "The partition number: the sample's, else that of its key."]
    reason: Annotated[
        str | None,
        "The dead letter's reason code, of what is refused; `not-encodable` is JSON that no "
        "serializer would write.",
    ]
    detail: Annotated[str, "What is wrong and how to mend it; else what the record means."]
    device_id: Annotated[str | None, "The device."]
    service_request_id: Annotated[str | None, "The request whose item it belongs to."]
    status: Annotated[str | None, "The Processing Status that the record speaks of, if any."]
    marks: Annotated[list[str], "`late`, `superseded`, `after-reset`, `clock-skew`."]
    item_status: Annotated[str | None, "The item's status with the samples up to this one."]
    completion: Annotated[str | None, "Its Completion Status."]


LINES: Final = (JudgementLine,)

_COLUMNS: Final[tuple[Column[JudgementLine], ...]] = (
    Column("Sample", lambda line: line.sample),
    Column("Verdict", lambda line: line.reason or line.verdict),
    Column("Device", lambda line: line.device_id or ""),
    Column("Request", lambda line: line.service_request_id or ""),
    Column("Says", lambda line: line.status or "", prose=True),
    Column("Marks", lambda line: " ".join(line.marks)),
    Column("Item is then", lambda line: line.item_status or "", prose=True),
    Column("What it means", lambda line: line.detail, prose=True),
)


class Action(StrEnum):
    """What to do."""

    CHECK = "check"


def contract(
    action: Annotated[Action, typer.Argument(help="check.")],
    files: Annotated[
        list[Path], typer.Argument(help="Samples: wire bytes, or JSON with a record's name.")
    ],
    topic: Annotated[
        str | None, typer.Option(help="The topic of samples that do not say it themselves.")
    ] = None,
    received_at: Annotated[
        str | None,
        typer.Option(help="When samples are received that do not say it (RFC 3339); else now."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Judge samples as the processor would, without a broker."""
    from schemas.registry import RegistryUnavailable
    from schemas.topics import TOPIC_SOURCES

    if topic is not None and topic not in TOPIC_SOURCES:
        raise UserError(f"--topic is one of {', '.join(TOPIC_SOURCES)}.")
    told = time_of("--received-at", received_at)
    at = int(time.time() * 1000) if told is None else milliseconds(told)
    report = Report(as_json)
    try:
        lines = list(_judged(Settings(), files, topic, at))
    except RegistryUnavailable as error:
        raise UserError(f"The schema registry does not answer: {error}.") from error
    report.lines(lines, _COLUMNS)
    refused = sum(line.verdict == "refused" for line in lines)
    report.say(f"{len(lines)} samples, {refused} refused.")
    if refused:
        raise RunFailed("docs/dead-letters.md explains every reason.")


def _judged(
    settings: Settings, files: Sequence[Path], topic: str | None, at: int
) -> Iterator[JudgementLine]:
    from fdt.commands.process import config_of
    from fdt.contract.judging import Judge
    from fdt.contract.samples import Samples
    from processor.config import reader_of
    from processor.partition.folding import Folding
    from projections.catalogue import BadCatalogue
    from runtime.access.schema_registry import registry
    from schemas.codec import Codec

    known = registry(settings.schema_registry_url)
    config, codec = config_of(settings, "", settings.partitions), Codec(known)
    try:
        reader = reader_of(config)
    except BadCatalogue as error:
        raise UserError(str(error)) from error

    def folding(number: int) -> Folding:
        cap, retention = config.timeline_cap, config.retention_ms
        return Folding(number, config.partitions, reader, codec, cap, retention)

    judge = Judge(folding, reader, codec, config.partitions)
    for path in files:
        for sample in Samples(known, topic).of(path):
            found = judge.judge(sample, at)
            yield JudgementLine(
                sample=sample.name,
                verdict=found.verdict,
                topic=found.topic,
                partition=found.partition,
                reason=found.reason,
                detail=found.detail,
                device_id=found.device_id,
                service_request_id=found.service_request_id,
                status=found.status,
                marks=list(found.marks),
                item_status=found.item_status,
                completion=found.completion,
            )
