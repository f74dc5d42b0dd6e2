"""Folds events into items, by the processor's own rules; an analyst's program calls it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from fdt.settings import Settings
from fdt.times import duration_ms
from firmware_tracking.event import Event
from projections.catalogue import load_catalogue
from projections.events import Place, Reader
from projections.fold import Fold
from projections.state import Row
from projections.views import ItemView, TimelineEntry, device_view
from schemas.codec import BadRecord


@dataclass(frozen=True, slots=True)
class Folded:
    """The result of :func:`fold`."""

    items: tuple[ItemView, ...]
    """By device, the newest request of each first."""
    unmatched: tuple[TimelineEntry, ...]
    """Reports whose request is not among the events."""
    refused: dict[str, int]
    """Reason code -> number of refused events."""


def fold(events: Iterable[Event], settings: Settings | None = None) -> Folded:
    """The items of ``events``, which come in any order, copies among them.

    Catalogue, device types, clock skew and cap are those of ``settings``, else of the environment.
    Nothing expires: an item past its retention has all that the events say. The rows of all devices
    are in memory; a device's events have one partition number, so a long history can be folded one
    partition after the other.
    """
    chosen = settings or Settings()
    catalogue = load_catalogue(chosen.catalogue_path)
    retention_ms = duration_ms(chosen.retention)
    skew_ms = duration_ms(chosen.clock_skew_past)
    types = frozenset(chosen.device_types)
    reader = Reader(catalogue, types, skew_ms, retention_ms)
    rules = Fold(catalogue, types, chosen.timeline_cap)
    rows: dict[str, Row] = {}
    refused: Counter[str] = Counter()
    for event in events:
        if event.refused is not None:
            refused[event.refused] += 1
            continue
        first = event.first or (event.partition, event.offset, event.received_at)
        try:
            device, report = reader.report(event.source, dict(event.fields), Place(*first))
        except BadRecord as bad:
            refused[bad.reason] += 1
            continue
        row = rows.get(device)
        if row is None:
            row = rows[device] = rules.new_row()
        rules.add(row, report)
    views = [device_view(device, rows[device], catalogue, retention_ms) for device in sorted(rows)]
    return Folded(
        tuple(item for view in views for item in view.items),
        tuple(entry for view in views for entry in view.unmatched),
        dict(refused),
    )
