"""The result of a check: its state, what was seen, and how to mend it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from fdt.settings import Settings

State = Literal["ok", "warning", "failure", "not-configured", "not-checked"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One result. A warning or failure says how to mend it."""

    state: State
    found: str
    mend: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What the checks get: the settings in force, and a component of ``fdt topics --acls``, or None
    for any."""

    settings: Settings
    component: str | None = None

    @property
    def bootstrap(self) -> str:
        """The brokers; only for checks that need some."""
        return self.settings.require_brokers()


Look = Callable[[Asked], Iterable[Finding]]
"""A check. It only reads, and reports an outage as a finding, not as an exception."""


def ok(found: str) -> Finding:
    """It is as it should be."""
    return Finding("ok", found)


def warning(found: str, mend: str) -> Finding:
    """It works now, but not for ever or not as it should."""
    return Finding("warning", found, mend)


def failure(found: str, mend: str) -> Finding:
    """It does not work."""
    return Finding("failure", found, mend)


def not_configured(found: str) -> Finding:
    """Nobody asked for it."""
    return Finding("not-configured", found)


def not_checked(why: str) -> Finding:
    """It could not be checked; that says nothing about its state."""
    return Finding("not-checked", why)
