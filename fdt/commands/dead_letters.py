"""``fdt dead-letters``: look at what was refused, send it again after a fix, or drop it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import Progress

from fdt.errors import UserError
from fdt.kafka.dead_letters import Letter, Settled, Wanted, letters, resend, settle
from fdt.report import AsJson, Column, Report, encoded, pretty, text_or_none
from fdt.settings import Settings
from fdt.times import time_of
from runtime.access.schema_registry import registry
from schemas.codec import BadRecord, Codec
from schemas.registry import RegistryUnavailable
from schemas.topics import SOURCE_TOPICS, TOPICS
from sources.wire import rfc3339

_RECORDS: Final = {topic.name: topic.record for topic in TOPICS}


@dataclass(frozen=True, slots=True)
class LetterLine:
    """One dead letter: of `list`, and of `resend` and `drop` once it is settled."""

    letter: Annotated[str, "Partition and offset in the dead-letter topic: its name in commands."]
    refused_at: Annotated[str, "When it was refused (RFC 3339, UTC)."]
    reason: Annotated[str, "The reason code."]
    detail: Annotated[str, "What is wrong and how to mend it."]
    topic: Annotated[str, "The event topic it was published to."]
    partition: Annotated[int, "Its partition there."]
    offset: Annotated[int, "Its offset there."]
    received_at: Annotated[str, "When the broker received it there (RFC 3339, UTC)."]
    settled: Annotated[Settled | None, "`resent`, `dropped`, or null while it is open."]
    key: Annotated[str | None, "The key; null where there is none, or it is no UTF-8."]
    key_base64: Annotated[str | None, "Its bytes."]


@dataclass(frozen=True, slots=True)
class HeaderLine:
    """One header."""

    name: Annotated[str, "Its name."]
    value: Annotated[str | None, "The value; null where there is none, or it is no UTF-8."]
    value_base64: Annotated[str | None, "Its bytes."]


@dataclass(frozen=True, slots=True)
class WholeLetterLine(LetterLine):
    """One dead letter of `show`, with everything that was published."""

    headers: Annotated[list[HeaderLine], "The publisher's headers, in their order."]
    value_base64: Annotated[str | None, "The bytes of the value."]
    record: Annotated[dict[str, Any] | None, "The value as the topic's record, if it is one."]
    record_error: Annotated[str | None, "Why it is none."]


LINES: Final = (LetterLine, WholeLetterLine)

_COLUMNS: Final[tuple[Column[LetterLine], ...]] = (
    Column("Letter", lambda line: line.letter),
    Column("Refused", lambda line: line.refused_at),
    Column("Reason", lambda line: line.reason),
    Column("Topic", lambda line: line.topic),
    Column("Place", lambda line: f"{line.partition}:{line.offset}"),
    Column(
        "Key", lambda line: line.key or (f"base64:{line.key_base64}" if line.key_base64 else "")
    ),
    Column("Settled", lambda line: line.settled or ""),
)


class Action(StrEnum):
    """What to do."""

    LIST = "list"
    SHOW = "show"
    RESEND = "resend"
    DROP = "drop"


def dead_letters(
    action: Annotated[Action, typer.Argument(help="list, show, resend or drop.")],
    names: Annotated[
        list[str] | None, typer.Argument(help="Letters as 'list' names them, such as 2:17.")
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Only with this reason code.")] = None,
    topic: Annotated[str | None, typer.Option(help="Only from this event topic.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Only refused at or after this time (RFC 3339).")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Only refused before this time.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="list, show: settled ones too; else: all that are open.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Look at dead letters, send them again or drop them, by reason, topic and time."""
    settings = Settings()
    looks = action in (Action.LIST, Action.SHOW)
    wanted = Wanted(
        names=frozenset(names or ()),
        reason=reason,
        topic=_topic(topic),
        since=time_of("--since", since),
        until=time_of("--until", until),
        settled_too=looks and (everything or bool(names)),
    )
    if not looks and not everything and not wanted.is_narrowed():
        raise UserError(
            f"Say which letters to {action.value}: name them, narrow them down with --reason, "
            "--topic, --since or --until, or take all that are open with --all."
        )
    chosen = letters(settings.require_brokers(), wanted)
    _ACTIONS[action](Report(as_json), settings, chosen)


def _list(report: Report, settings: Settings, chosen: list[Letter]) -> None:
    report.lines((LetterLine(**_facts(letter)) for letter in chosen), _COLUMNS)
    report.say(f"{len(chosen):,} dead letters")


def _show(report: Report, settings: Settings, chosen: list[Letter]) -> None:
    codec = Codec(registry(settings.schema_registry_url))
    for letter in chosen:
        whole = _whole(letter, codec)
        report.line(whole, pretty(whole))


def _resend(report: Report, settings: Settings, chosen: list[Letter]) -> None:
    with _bar(len(chosen)) as told:
        resend(settings.require_brokers(), chosen, told)
    _settled(report, chosen, "resent")
    report.say(
        f"{len(chosen):,} dead letters were sent again; one that is refused again comes back as a "
        "new dead letter."
    )


def _drop(report: Report, settings: Settings, chosen: list[Letter]) -> None:
    with _bar(len(chosen)) as told:
        settle(settings.require_brokers(), chosen, "dropped", told)
    _settled(report, chosen, "dropped")
    report.say(f"{len(chosen):,} dead letters were dropped; 'list --all' still shows them.")


_ACTIONS: Final[dict[Action, Callable[[Report, Settings, list[Letter]], None]]] = {
    Action.LIST: _list,
    Action.SHOW: _show,
    Action.RESEND: _resend,
    Action.DROP: _drop,
}


def _settled(report: Report, chosen: list[Letter], how: Settled) -> None:
    """Print each letter for programs; people see the number."""
    report.objects(LetterLine(**_facts(replace(letter, settled=how))) for letter in chosen)


@contextmanager
def _bar(total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar on a terminal, beside standard output."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.file.isatty()) as progress:
        task = progress.add_task("dead letters", total=total)
        yield lambda done: progress.update(task, completed=done)


def _facts(letter: Letter) -> dict[str, Any]:
    return {
        "letter": letter.name,
        "refused_at": rfc3339(letter.refused_at),
        "reason": letter.reason,
        "detail": letter.detail,
        "topic": letter.topic,
        "partition": letter.original_partition,
        "offset": letter.original_offset,
        "received_at": rfc3339(letter.received_at),
        "settled": letter.settled,
        "key": text_or_none(letter.key),
        "key_base64": encoded(letter.key),
    }


def _whole(letter: Letter, codec: Codec) -> WholeLetterLine:
    """Everything about a letter; its bytes in base64, and as a record where they are one."""
    record, error = _record(letter, codec)
    return WholeLetterLine(
        **_facts(letter),
        headers=[
            HeaderLine(name, text_or_none(value), encoded(value))
            for name, value in letter.original_headers
        ],
        value_base64=encoded(letter.value),
        record=record,
        record_error=error,
    )


def _record(letter: Letter, codec: Codec) -> tuple[dict[str, Any] | None, str | None]:
    try:
        return codec.decode(_RECORDS[letter.topic], letter.value), None
    except (BadRecord, RegistryUnavailable) as error:
        return None, str(error)


def _topic(topic: str | None) -> str | None:
    if topic is not None and topic not in SOURCE_TOPICS.values():
        raise UserError(f"--topic is one of {', '.join(SOURCE_TOPICS.values())}.")
    return topic
