"""The second account of retention (design §7), over the second account of the fold."""

from __future__ import annotations

from tests.projections.reference import (
    Record,
    believed,
    identity,
    last_run,
    matched,
    place,
    target,
    version,
    when,
)


def held(records: list[Record], retention: int, now: int) -> list[Record]:
    """What is held at ``now``: each record comes when it was received, and finds what was due
    gone."""
    alive: list[Record] = []
    for r in sorted(records, key=place):
        if r.received_at <= now:
            alive = [*without_what_is_due(alive, retention, r.received_at), r]
    later = [r for r in records if r.received_at > now]
    return without_what_is_due(alive, retention, now) + later


def without_what_is_due(alive: list[Record], retention: int, now: int) -> list[Record]:
    """Without items whose evidence is too old, whole, and reports that waited too long."""
    while True:
        items, assigned, unmatched = matched(alive)
        whole = {name: found + assigned[name] for name, found in items.items()}
        since = {
            name: min(last_run(believed(found, target(items[name]), items)), key=when).received_at
            for name, found in whole.items()
        }
        oldest = min([*since.values(), *(r.received_at for r in unmatched)], default=now)
        if oldest + retention > now or not alive:
            return alive
        ended = [r for name, found in whole.items() if since[name] == oldest for r in found]
        ended += [r for r in unmatched if r.received_at == oldest]
        gone = {identity(r) for r in ended}
        for name, found in assigned.items():
            alive = [known_to_fit(r, target(items[name])) if r in found else r for r in alive]
        alive = [r for r in alive if identity(r) not in gone]


def known_to_fit(r: Record, wanted: str) -> Record:
    """A report that found its item by its hash has found it, whatever is forgotten afterwards."""
    if version(r) is not None or r.fields.get("image_hash") is None:
        return r
    return Record(r.source, r.fields | {"firmware_version": wanted}, r.received_at, r.offset)
