"""How long something lasts, in words: the same in every command, problem and page.

Measured times, and waits that a program gives up after, are another matter: ``30 s``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

_UNITS: Final = (("day", 86_400_000), ("hour", 3_600_000), ("minute", 60_000))
_SECOND_MS: Final = 1_000


def exactly(ms: int) -> str:
    """``1 day 12 hours``, of milliseconds above zero: every unit that says something."""
    parts = [_counted(number, name) for number, name in _numbers(ms) if number]
    if (rest := ms % _UNITS[-1][1]) or not parts:
        parts.append(f"{rest / _SECOND_MS:g} second{'' if rest == _SECOND_MS else 's'}")
    return " ".join(parts)


def roughly(ms: int) -> str:
    """``3 days 4 hours``: the largest unit that says something and the next, no seconds; anything
    below a minute, what lies ahead included, is less than a minute."""
    parts: list[str] = []
    for number, name in _numbers(max(ms, 0)):
        if number:
            parts.append(_counted(number, name))
        elif parts:
            break
    return " ".join(parts[:2]) or "less than a minute"


def _numbers(ms: int) -> Iterator[tuple[int, str]]:
    """How many of each unit, the largest first."""
    for name, size in _UNITS:
        number, ms = divmod(ms, size)
        yield number, name


def _counted(number: int, name: str) -> str:
    return f"{number} {name}{'' if number == 1 else 's'}"
