"""``fdt topics``: creates the broker's topics as the contract says, or reports where they
differ."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Final, Literal

import typer

from fdt.errors import UserError
from fdt.kafka.rights import rights
from fdt.kafka.topics import create_missing, differences, specs_of
from fdt.report import AsJson, Column, Report
from fdt.settings import Settings
from runtime.logs import durations
from runtime.topics import Difference
from schemas.topics import TopicSpec


@dataclass(frozen=True, slots=True)
class DifferenceLine:
    """One setting of a topic that is not as it should be."""

    setting: Annotated[str, "`partitions`, `replication`, or the broker's own name of the setting."]
    expected: Annotated[str, "What the contract says."]
    actual: Annotated[str, "What the broker says."]


@dataclass(frozen=True, slots=True)
class TopicLine:
    """One topic of the contract."""

    topic: Annotated[str, "Its name."]
    partitions: Annotated[int, "How many it should have."]
    replication: Annotated[int, "Copies it should have."]
    config: Annotated[dict[str, str], "The broker's settings it should have."]
    keeps: Annotated[str, "How long it keeps what, in words."]
    state: Annotated[
        Literal["created", "as-it-should-be", "different"],
        "`created` now, `as-it-should-be`, or `different` and left alone.",
    ]
    differences: Annotated[list[DifferenceLine], "In which settings it differs."]


@dataclass(frozen=True, slots=True)
class RightLine:
    """What one component may do with one resource, of `--acls`."""

    component: Annotated[str, "The program: a publisher, `worker`, `read-side`, `analyst`, …"]
    principal: Annotated[str, "Who it is to the broker."]
    resource: Annotated[str, "`topic`, `group` or `transactional-id`."]
    name: Annotated[str, "Its name, or how it begins."]
    prefixed: Annotated[bool, "Whether every name that begins so is meant."]
    operations: Annotated[list[str], "What it may do, as Kafka names it."]
    arguments: Annotated[str, "The same as `kafka-acls --add` takes it."]


LINES: Final = (TopicLine, RightLine)

_STATES: Final = {"created": "created", "as-it-should-be": "as it should be"}

_COLUMNS: Final[tuple[Column[TopicLine], ...]] = (
    Column("Topic", lambda line: line.topic),
    Column("Partitions", lambda line: str(line.partitions)),
    Column("Keeps", lambda line: line.keeps, prose=True),
    Column("State", lambda line: _told(line), prose=True),
)


_RIGHTS: Final[tuple[Column[RightLine], ...]] = (
    Column("Component", lambda line: line.component),
    Column("kafka-acls --add", lambda line: line.arguments),
)


def topics(
    mend: Annotated[
        bool,
        typer.Option(
            "--mend",
            help="Copy records that stand in partitions beyond the status topic's number to where "
            "they are read.",
        ),
    ] = False,
    acls: Annotated[
        bool,
        typer.Option("--acls", help="Only print who may do what, for kafka-acls; ask no broker."),
    ] = False,
    principal: Annotated[
        list[str] | None,
        typer.Option(help="With --acls, who a component is: worker=User:CN=w; may be repeated."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create the missing topics and compare the others; exit code 1 if one differs."""
    settings = Settings()
    if acls:
        _print_rights(settings, principal or [], Report(as_json))
        return
    bootstrap = settings.require_brokers()
    if mend:
        _mend(bootstrap)
    specs = specs_of(settings)
    created = create_missing(bootstrap, specs)
    found = differences(bootstrap, specs)
    Report(as_json).lines(topic_lines(specs, created, found, settings.retention), _COLUMNS)
    if found:
        typer.echo(
            "fdt: Some topics differ and were left as they are: change them with the broker's own "
            "tools, or correct the settings.",
            err=True,
        )
        raise typer.Exit(1)


def _print_rights(settings: Settings, principals: Sequence[str], report: Report) -> None:
    named = dict[str, str]()
    for text in principals:
        component, given, who = text.partition("=")
        if not given or not who.partition(":")[2]:
            raise UserError(f"--principal {text}: write component=Type:name, worker=User:w.")
        named[component] = who
    lines = [
        RightLine(
            component=one.component,
            principal=one.principal,
            resource=one.resource,
            name=one.name,
            prefixed=one.prefixed,
            operations=[*one.operations],
            arguments=one.arguments,
        )
        for one in rights(settings.group_id, named)
    ]
    report.lines(lines, _RIGHTS)


def _mend(bootstrap: str) -> None:
    from fdt.kafka.mending import mend as mended

    for done in mended(bootstrap):
        typer.echo(
            f"{done.topic}: {done.records} records copied to where they are read. Publishers must "
            f"use {done.partitions} partitions.",
            err=True,
        )


def topic_lines(
    specs: Sequence[TopicSpec],
    created: set[str],
    found: Sequence[Difference],
    retention: timedelta,
) -> Iterator[TopicLine]:
    """One line a topic, with how long it keeps what, and everything in which it differs."""
    by_topic = defaultdict[str, list[DifferenceLine]](list)
    for one in found:
        by_topic[one.topic].append(DifferenceLine(one.setting, one.expected, one.actual))
    for spec in specs:
        differing = by_topic[spec.name]
        yield TopicLine(
            topic=spec.name,
            partitions=spec.partitions,
            replication=spec.replication,
            config=spec.config,
            keeps=_keeps(spec, retention),
            state="different"
            if differing
            else ("created" if spec.name in created else "as-it-should-be"),
            differences=differing,
        )


def _told(line: TopicLine) -> str:
    """The differences of a topic, or its state."""
    told = (f"{one.setting} is {one.actual}, should be {one.expected}" for one in line.differences)
    return "; ".join(told) or _STATES[line.state]


def _keeps(spec: TopicSpec, retention: timedelta) -> str:
    """How long the topic keeps records, in words."""
    kept = spec.config.get("retention.ms")
    if kept is None:
        span = durations.exactly(retention // timedelta(milliseconds=1))
        return f"the latest of each device, {span} after its last change"
    return f"every record for {durations.exactly(int(kept))}"
