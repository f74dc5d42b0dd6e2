"""Reads times that people write on the command line, and converts times to milliseconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import overload

from fdt.errors import UserError


@overload
def time_of(option: str, text: str) -> datetime: ...
@overload
def time_of(option: str, text: None) -> None: ...
@overload
def time_of(option: str, text: str | None) -> datetime | None: ...
def time_of(option: str, text: str | None) -> datetime | None:
    """A time as RFC 3339 has it, in UTC where it does not say; none where none is given.

    ``option`` is where it was written. Raises :class:`~fdt.errors.UserError`.
    """
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise UserError(f"{option} is a time such as 2026-11-23T06:00:00Z.") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def milliseconds(time: datetime) -> int:
    """Since 1970 UTC."""
    return int(time.timestamp() * 1000)


def duration_ms(duration: timedelta) -> int:
    """A duration in whole milliseconds."""
    return duration // timedelta(milliseconds=1)
