"""Each rule of the fold, broken on purpose: a check that finds none of these proves nothing.

``SABOTAGE`` names a rule and says how to break it. :func:`break_rule` does so in this process; a
child process breaks the rule named in the environment variable ``BROKEN_RULE`` when this folder's
``broken/sitecustomize.py`` is on its path.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from projections import events, fold, standing, views
from projections.lifecycle import STAGE
from projections.state import Report
from projections.views import SUPERSEDED

Patch = Callable[[object, str, Any], None]
"""Sets an attribute: ``setattr``, or pytest's ``monkeypatch.setattr``."""


def _never(*_: object) -> None:
    return None


def _first_of(run: list[Report]) -> list[Report]:
    return sorted(run, key=lambda r: (r.at, r.identity))[:1]


def _last_of(run: list[Report]) -> list[Report]:
    return sorted(run, key=lambda r: (r.at, r.identity))[-1:]


def _whole_stage(run: list[Report]) -> list[Report]:
    """Forgets that a run was interrupted."""
    last = max(run, key=lambda r: (r.at, r.identity)).status
    return [r for r in run if r.status == last]


def _oldest_first(newest_first: Any) -> Any:
    def owner(report: Report, items: list[Any], versions: Any) -> Any:
        return newest_first(report, items[::-1], versions)

    return owner


def _past_resets(assign: Any) -> Any:
    """Moves a report past a reset item to an older one."""

    def owner(report: Report, items: list[Any], versions: Any) -> Any:
        reset = standing._RESET
        open_ones = [i for i in items if all(r.status != reset for r in i.reports)]
        return assign(report, open_ones, versions)

    return owner


def _without(field: str, owner: Any) -> Any:
    """Matches as if reports did not carry a field."""

    def blind(report: Report, items: list[Any], versions: Any) -> Any:
        held = getattr(report, field)
        setattr(report, field, None)
        try:
            return owner(report, items, versions)
        finally:
            setattr(report, field, held)

    return blind


def _marks_without(mark: str) -> Any:
    marks = views._marks

    def fewer(report: Report, item: Any) -> tuple[str, ...]:
        return tuple(m for m in marks(report, item) if m != mark)

    return fewer


def _accepted_without(rejecting: frozenset[int]) -> Callable[[Patch], None]:
    return lambda patch: patch(standing, "REJECTING", rejecting)


SABOTAGE: Final[dict[str, Callable[[Patch], None]]] = {
    "1: a copy is a new event": lambda patch: patch(fold, "_held", _never),
    "2: any source opens an item": lambda patch: patch(
        Report, "opens", property(lambda r: r.status != 0)
    ),
    "2: what waits is not attached when its request opens": lambda patch: patch(
        fold, "_waiting", lambda *_: []
    ),
    "3: a stage does not outrank the one before": lambda patch: patch(
        standing, "STAGE", {status: min(stage, 1) for status, stage in STAGE.items()}
    ),
    "3: the first word of a stage stands": lambda patch: patch(standing, "_last_run", _first_of),
    "3: of two at once the failure wins": lambda patch: patch(standing, "_SUCCESS", set()),
    "3: an activation is not final": lambda patch: patch(standing, "_ACTIVATED", -1),
    "3: a reset does not override": lambda patch: patch(standing, "_RESET", -1),
    "4: a repeat renews the time": lambda patch: patch(standing, "_last_run", _last_of),
    "4: an interrupted run counts from its first": lambda patch: patch(
        standing, "_last_run", _whole_stage
    ),
    "5: a report without a request belongs to none": lambda patch: patch(
        standing, "_owner", _never
    ),
    "5: a report belongs to the oldest item": lambda patch: patch(
        standing, "_owner", _oldest_first(standing._owner)
    ),
    "5: versions are not looked at": lambda patch: patch(
        standing, "_owner", _without("version", standing._owner)
    ),
    "5: hashes are not looked at": lambda patch: patch(
        standing, "_owner", _without("image_hash", standing._owner)
    ),
    "5: a report may be older than the acceptance": lambda patch: patch(
        standing, "ACCEPTANCE_TOLERANCE_MS", 10**12
    ),
    "5: no tolerance for clocks": lambda patch: patch(standing, "ACCEPTANCE_TOLERANCE_MS", 0),
    "5: a rejection counts as acceptance": _accepted_without(frozenset()),
    "5: a report passes over a reset item": lambda patch: patch(
        standing, "_owner", _past_resets(standing._owner)
    ),
    "6: late reports are not marked": lambda patch: patch(views, "_marks", _marks_without("late")),
    "6: superseded reports are not marked": lambda patch: patch(
        views, "_marks", _marks_without(SUPERSEDED)
    ),
    "6: reports after a reset are not marked": lambda patch: patch(
        views, "_marks", _marks_without("after-reset")
    ),
    "7: wrong clocks are believed": lambda patch: patch(
        events.Reader, "_at", lambda _, occurred_at, __: occurred_at
    ),
    "8: a CSP describes the item before the DSP": lambda patch: patch(
        standing, "_precedence", lambda r: (-r.identity[16], r.at, r.identity)
    ),
    "8: the last description counts": lambda patch: patch(
        standing, "_precedence", lambda r: (r.identity[16], -r.at, r.identity)
    ),
}


def break_rule(name: str, patch: Patch = setattr) -> None:
    """Break one rule of :data:`SABOTAGE`."""
    SABOTAGE[name](patch)
