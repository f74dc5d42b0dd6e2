"""``fdt audit``: who searched, viewed, downloaded and reset, from the audit topic."""

from __future__ import annotations

import csv
import sys
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fdt.errors import RunFailed, UserError
from fdt.report import AsJson, Column, Report
from fdt.settings import Settings
from fdt.times import duration_ms
from query_api.audit.entry import Action, Outcome, wall_ms
from runtime.logs.printable import printable
from sources.wire import rfc3339

if TYPE_CHECKING:
    from query_api.audit.entry import AuditEntry

MOST: Final = 100_000


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One entry of the audit topic, the newest first."""

    occurred_at: Annotated[str, "When, by the clock of the server (RFC 3339, UTC)."]
    event_id: Annotated[str, "The entry's own ID."]
    user: Annotated[str, "Subject at the identity provider."]
    user_ids: Annotated[list[str], "User IDs of the user's organisation."]
    roles: Annotated[list[str], "Roles at that time."]
    action: Annotated[str, f"One of {', '.join(f'`{action}`' for action in Action)}."]
    criterion: Annotated[str | None, "What was asked for."]
    outcome: Annotated[str, f"One of {', '.join(f'`{outcome}`' for outcome in Outcome)}."]
    rows: Annotated[int, "How many items were shown or reset."]


LINES: Final = (AuditLine,)

_COLUMNS: Final[tuple[Column[AuditLine], ...]] = (
    Column("Time (UTC)", lambda line: line.occurred_at),
    Column("User", lambda line: " ".join((line.user, *line.user_ids))),
    Column("Roles", lambda line: ", ".join(line.roles)),
    Column("Action", lambda line: line.action),
    Column("Asked for", lambda line: line.criterion or ""),
    Column("Outcome", lambda line: line.outcome),
    Column("Rows", lambda line: str(line.rows)),
)


def audit(
    hours: Annotated[int, typer.Option(min=1, help="How far back.")] = 24,
    user: Annotated[str | None, typer.Option(help="Only this user.")] = None,
    action: Annotated[Action | None, typer.Option(help="Only this action.")] = None,
    outcome: Annotated[Outcome | None, typer.Option(help="Only this outcome.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST, help="Most entries, the newest.")] = 100,
    as_csv: Annotated[bool, typer.Option("--csv", help="As CSV instead of a table.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print who looked at what and who reset what, newest first."""
    from query_api.audit.reading import KafkaAuditLog, LogUnavailable, Question
    from runtime.access.schema_registry import registry
    from schemas.codec import Codec

    if as_csv and as_json:
        raise UserError("--csv and --json are two forms: ask for one.")
    settings = Settings()
    since_ms = wall_ms() - duration_ms(timedelta(hours=hours))
    log = KafkaAuditLog(settings.require_brokers(), Codec(registry(settings.schema_registry_url)))
    try:
        found = log.newest(Question(since_ms, user, action, outcome), limit)
    except LogUnavailable as error:
        raise RunFailed(f"The audit topic cannot be read: {error}.") from error
    except KeyError as error:
        raise UserError("There is no audit topic on this broker: run fdt topics.") from error
    lines = [_line(entry) for entry in found]
    _print_csv(lines) if as_csv else Report(as_json).lines(lines, _COLUMNS)


def _print_csv(lines: list[AuditLine]) -> None:
    from query_api.queries.rendering import guarded

    writer = csv.writer(sys.stdout)
    writer.writerow(column.heading for column in _COLUMNS)
    writer.writerows(
        [guarded(printable(column.cell(line))) for column in _COLUMNS] for line in lines
    )


def _line(entry: AuditEntry) -> AuditLine:
    return AuditLine(
        occurred_at=rfc3339(entry.occurred_at),
        event_id=entry.event_id,
        user=entry.user,
        user_ids=entry.user_ids,
        roles=entry.roles,
        action=entry.action,
        criterion=entry.criterion,
        outcome=entry.outcome,
        rows=entry.rows,
    )
