"""Each rule of the fold, broken on purpose: a check that finds none of these proves nothing.

``SABOTAGE`` names a rule and says how to break it. :func:`break_rule` does so in this process; a
child process breaks the rule named in the environment variable ``BROKEN_RULE`` when this folder's
``broken/sitecustomize.py`` is on its path.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Final

from projections import correlation, events, fold, status_derivation, views
from projections.correlation import Correlation
from projections.lifecycle import STAGE
from projections.rows import opens
from projections.state import Report, Row
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


def _among(choose: Callable[[list[Any]], list[Any]]) -> Any:
    """Looks for the owner among other items, or in another order."""
    owner = Correlation.owner

    def other(self: Correlation[Any], report: Report) -> Any:
        changed = copy.copy(self)
        changed._newest_first = choose(list(self._newest_first))
        return owner(changed, report)

    return other


def _not_reset(items: list[Any]) -> list[Any]:
    """A report then passes a reset item, to an older one."""
    return [i for i in items if all(r.status != status_derivation._RESET for r in i.reports)]


def _without(field: str) -> Any:
    """Matches as if reports did not carry a field."""
    owner = Correlation.owner

    def blind(self: Correlation[Any], report: Report) -> Any:
        held = getattr(report, field)
        setattr(report, field, None)
        try:
            return owner(self, report)
        finally:
            setattr(report, field, held)

    return blind


def _as_a_request_of_its_own(add: Any) -> Any:
    """Whatever names a request opens it."""

    def adding(self: fold.Fold, row: Row, report: Report) -> bool:
        if report.request_id is None:
            return bool(add(self, row, report))
        fold._records(row, report.request_id).kept.append(report)
        return True

    return adding


def _forgetting_what_waits(add: Any) -> Any:
    """A report that names a request which is not open yet never finds it."""

    def adding(self: fold.Fold, row: Row, report: Report) -> bool:
        named = report.request_id
        known = any(i.request_id == named for i in row.items)
        if named is not None and not opens(report) and not known:
            report.request_id = f"{named}?"
        return bool(add(self, row, report))

    return adding


def _marks_without(mark: str) -> Any:
    marks = views._marks

    def fewer(report: Report, item: Any) -> tuple[str, ...]:
        return tuple(m for m in marks(report, item) if m != mark)

    return fewer


def _accepted_without(rejecting: frozenset[int]) -> Callable[[Patch], None]:
    return lambda patch: patch(correlation, "REJECTING", rejecting)


SABOTAGE: Final[dict[str, Callable[[Patch], None]]] = {
    "1: a copy is a new event": lambda patch: patch(
        status_derivation, "_copies", lambda _: ({}, None)
    ),
    "2: any source opens an item": lambda patch: patch(
        fold.Fold, "add", _as_a_request_of_its_own(fold.Fold.add)
    ),
    "2: what waits is not attached when its request opens": lambda patch: patch(
        fold.Fold, "add", _forgetting_what_waits(fold.Fold.add)
    ),
    "3: a stage does not outrank the one before": lambda patch: patch(
        status_derivation, "STAGE", {status: min(stage, 1) for status, stage in STAGE.items()}
    ),
    "3: the first word of a stage stands": lambda patch: patch(
        status_derivation, "_last_run", _first_of
    ),
    "3: of two at once the failure wins": lambda patch: patch(status_derivation, "_SUCCESS", set()),
    "3: an activation is not final": lambda patch: patch(status_derivation, "_ACTIVATED", -1),
    "3: a reset does not override": lambda patch: patch(status_derivation, "_RESET", -1),
    "4: a repeat renews the time": lambda patch: patch(status_derivation, "_last_run", _last_of),
    "4: an interrupted run counts from its first": lambda patch: patch(
        status_derivation, "_last_run", _whole_stage
    ),
    "5: a report without a request belongs to none": lambda patch: patch(
        Correlation, "owner", _never
    ),
    "5: a report belongs to the oldest item": lambda patch: patch(
        Correlation, "owner", _among(lambda items: items[::-1])
    ),
    "5: versions are not looked at": lambda patch: patch(Correlation, "owner", _without("version")),
    "5: hashes are not looked at": lambda patch: patch(
        Correlation, "owner", _without("image_hash")
    ),
    "5: a report may be older than the acceptance": lambda patch: patch(
        correlation, "ACCEPTANCE_TOLERANCE_MS", 10**12
    ),
    "5: no tolerance for clocks": lambda patch: patch(correlation, "ACCEPTANCE_TOLERANCE_MS", 0),
    "5: a rejection counts as acceptance": _accepted_without(frozenset()),
    "5: a report passes over a reset item": lambda patch: patch(
        Correlation, "owner", _among(_not_reset)
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
        status_derivation, "_first", lambda opening: max(opening, key=lambda r: (r.source, -r.at))
    ),
    "8: the last description counts": lambda patch: patch(
        status_derivation, "_precedence", lambda r: (r.source, -r.at, r.identity)
    ),
}


def break_rule(name: str, patch: Patch = setattr) -> None:
    """Break one rule of :data:`SABOTAGE`."""
    SABOTAGE[name](patch)
