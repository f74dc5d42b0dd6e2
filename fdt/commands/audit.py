"""``fdt audit``: who searched, viewed, downloaded and reset, from the audit topic."""

from __future__ import annotations

import csv
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fdt.errors import RunFailed, UserError
from fdt.settings import Settings
from query_api.audit.entry import Action, Outcome, wall_ms

if TYPE_CHECKING:
    from query_api.audit.entry import AuditEntry

MOST: Final = 100_000
_COLUMNS: Final = ("Time (UTC)", "User", "Roles", "Action", "Asked for", "Outcome", "Rows")


def audit(
    hours: Annotated[int, typer.Option(min=1, help="How far back.")] = 24,
    user: Annotated[str | None, typer.Option(help="Only this user.")] = None,
    action: Annotated[Action | None, typer.Option(help="Only this action.")] = None,
    outcome: Annotated[Outcome | None, typer.Option(help="Only this outcome.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST, help="Most entries, the newest.")] = 100,
    as_csv: Annotated[bool, typer.Option("--csv", help="As CSV instead of a table.")] = False,
) -> None:
    """Print who looked at what and who reset what, newest first."""
    from query_api.audit.reading import KafkaAuditLog, LogUnavailable, Question
    from schemas.codec import Codec
    from schemas.registry import registry

    settings = Settings()
    since_ms = wall_ms() - timedelta(hours=hours) // timedelta(milliseconds=1)
    log = KafkaAuditLog(settings.require_brokers(), Codec(registry(settings.schema_registry_url)))
    try:
        found = log.newest(Question(since_ms, user, action, outcome), limit)
    except LogUnavailable as error:
        raise RunFailed(f"The audit topic cannot be read: {error}.") from error
    except KeyError as error:
        raise UserError("There is no audit topic on this broker: run fdt topics.") from error
    _print_csv(found) if as_csv else _print_table(found)


def _print_table(found: list[AuditEntry]) -> None:
    table = Table(*_COLUMNS)
    for entry in found:
        table.add_row(*map(Text, _cells(entry)))
    Console().print(table)


def _print_csv(found: list[AuditEntry]) -> None:
    from query_api.render import guarded

    writer = csv.writer(sys.stdout)
    writer.writerow(_COLUMNS)
    writer.writerows(map(guarded, _cells(entry)) for entry in found)


def _cells(entry: AuditEntry) -> tuple[str, ...]:
    from query_api import render

    return (
        render.time(entry.occurred_at),
        " ".join((entry.user, *entry.user_ids)),
        ", ".join(entry.roles),
        entry.action,
        entry.criterion or "",
        entry.outcome,
        str(entry.rows),
    )
