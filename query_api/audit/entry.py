"""The audit entry: user, organisation, roles, action, criterion and outcome."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from enum import StrEnum
from typing import Any

import msgspec

from query_api.identity.access import Caller

RECORD = "AuditEntry"


class Action(StrEnum):
    """Action of a user."""

    SEARCH = "search"
    VIEW = "view"
    DOWNLOAD = "download"
    RESET = "reset"
    LOG = "read-log"
    SIGN_IN = "sign-in"
    SIGN_OUT = "sign-out"


class Outcome(StrEnum):
    """Outcome of an action."""

    FOUND = "found"
    EMPTY = "empty"
    REFUSED = "refused"
    ACCEPTED = "accepted"
    FAILED = "failed"


class AuditEntry(msgspec.Struct, frozen=True):
    """An entry, with the fields of the Avro record of the same name."""

    event_id: str
    user: str
    user_ids: list[str]
    roles: list[str]
    action: str
    criterion: str | None
    outcome: str
    rows: int
    occurred_at: int
    """Milliseconds since 1970 UTC by this server's clock."""

    def fields(self) -> dict[str, Any]:
        """The fields as the codec encodes them."""
        return msgspec.structs.asdict(self)


def wall_ms() -> int:
    """Milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


def entry_of(
    caller: Caller,
    action: Action,
    criterion: str | None,
    outcome: Outcome,
    rows: int = 0,
    now_ms: Callable[[], int] = wall_ms,
) -> AuditEntry:
    """A new entry for an action of ``caller``, at the present time."""
    return AuditEntry(
        event_id=str(uuid.uuid4()),
        user=caller.subject,
        user_ids=sorted(map(str, caller.user_ids)),
        roles=sorted(map(str, caller.roles)),
        action=str(action),
        criterion=criterion,
        outcome=str(outcome),
        rows=rows,
        occurred_at=now_ms(),
    )
