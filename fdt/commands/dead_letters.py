"""``fdt dead-letters``: look at what was refused, send it again after a fix, or drop it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from fdt.dead_letters import Letter, Wanted, letters, resend, settle
from fdt.errors import UserError
from fdt.settings import Settings
from schemas.codec import BadRecord, Codec
from schemas.registry import RegistryUnavailable, registry
from schemas.topics import SOURCE_TOPICS, TOPICS
from sources.wire import rfc3339

_RECORDS: Final = {topic.name: topic.record for topic in TOPICS}


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
) -> None:
    """Look at dead letters, send them again or drop them, by reason, topic and time."""
    settings = Settings()
    looks = action in (Action.LIST, Action.SHOW)
    wanted = Wanted(
        names=frozenset(names or ()),
        reason=reason,
        topic=_topic(topic),
        since=_time("--since", since),
        until=_time("--until", until),
        settled_too=looks and (everything or bool(names)),
    )
    if not looks and not everything and not wanted.is_narrowed():
        raise UserError(
            f"Say which letters to {action.value}: name them, narrow them down with --reason, "
            "--topic, --since or --until, or take all that are open with --all."
        )
    chosen = letters(settings.require_brokers(), wanted)
    _ACTIONS[action](settings, chosen)


def _list(settings: Settings, chosen: list[Letter]) -> None:
    table = Table("Letter", "Refused", "Reason", "Topic", "Place", "Key", "Settled")
    for letter in chosen:
        key = (letter.key or b"").decode(errors="replace")
        place = f"{letter.original_partition}:{letter.original_offset}"
        told = (letter.name, rfc3339(letter.refused_at), letter.reason, letter.topic, place, key)
        table.add_row(*map(Text, (*told, letter.settled or "")))
    Console().print(table)
    typer.echo(f"{len(chosen):,} dead letters")


def _show(settings: Settings, chosen: list[Letter]) -> None:
    codec = Codec(registry(settings.schema_registry_url))
    for letter in chosen:
        typer.echo(json.dumps(_told(letter, codec), indent=2, ensure_ascii=False, default=str))


def _resend(settings: Settings, chosen: list[Letter]) -> None:
    with Progress(transient=True) as progress:
        resend(settings.require_brokers(), chosen, _bar(progress, len(chosen)))
    typer.echo(
        f"{len(chosen):,} dead letters were sent again; one that is refused again comes back as a "
        "new dead letter."
    )


def _drop(settings: Settings, chosen: list[Letter]) -> None:
    with Progress(transient=True) as progress:
        settle(settings.require_brokers(), chosen, "dropped", _bar(progress, len(chosen)))
    typer.echo(f"{len(chosen):,} dead letters were dropped; 'list --all' still shows them.")


_ACTIONS: Final[dict[Action, Callable[[Settings, list[Letter]], None]]] = {
    Action.LIST: _list,
    Action.SHOW: _show,
    Action.RESEND: _resend,
    Action.DROP: _drop,
}


def _bar(progress: Progress, total: int) -> Callable[[int], None]:
    task = progress.add_task("dead letters", total=total)
    return lambda done: progress.update(task, completed=done)


def _told(letter: Letter, codec: Codec) -> dict[str, Any]:
    """Everything about a letter; its bytes in base64, and as a record where they are one."""
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
        "key": None if letter.key is None else letter.key.decode(errors="replace"),
        "headers": {
            name: (value or b"").decode(errors="replace") for name, value in letter.original_headers
        },
        "value": None if letter.value is None else base64.b64encode(letter.value).decode(),
        "record": _record(letter, codec),
    }


def _record(letter: Letter, codec: Codec) -> dict[str, Any] | str:
    try:
        return codec.decode(_RECORDS[letter.topic], letter.value)
    except (BadRecord, RegistryUnavailable) as error:
        return str(error)


def _topic(topic: str | None) -> str | None:
    if topic is not None and topic not in SOURCE_TOPICS.values():
        raise UserError(f"--topic is one of {', '.join(SOURCE_TOPICS.values())}.")
    return topic


def _time(option: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise UserError(f"{option} is a time such as 2026-11-23T06:00:00Z.") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)
