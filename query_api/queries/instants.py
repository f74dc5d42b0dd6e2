"""Answers as at an instant in the past: the same queries as in :mod:`query_api.queries.reads`.

They are derived from the present rows, without what the broker received after the instant
(:mod:`projections.questions.as_at`). Each answer lists why it may be incomplete (``Doubt``).
"""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import Final

from projections.questions.as_at import AsAt, Doubt, as_at
from projections.views import DeviceView, ItemView, device_view
from query_api.identity.access import Caller, may_see
from query_api.queries.changes import seen_of
from query_api.queries.reads import (
    DeviceAnswer,
    Instant,
    ItemAnswer,
    NothingHeld,
    PageQuery,
    RequestPage,
    Snapshot,
    by_completion,
    by_status,
    most_frequent_first,
    unmatched_shown,
)
from schemas.identifiers import DeviceId, ServiceRequestId

MOST_LOOKED_AT: Final = 2_000
"""Devices read for one page, 0.1 ms each. If few of them match, the page is short, and the next
one continues."""


AHEAD_MS: Final = 5_000
"""How far an instant may be ahead of the broker's clock, in milliseconds. Clocks differ, and the
broker's is known by its newest record: who asks for his own present gets what is folded, with the
doubt that not everything is."""


class NotYet(ValueError):
    """The instant is more than :data:`AHEAD_MS` in the future by the broker's clock, which says
    ``now``, in milliseconds since 1970 UTC."""

    def __init__(self, now: int) -> None:
        super().__init__("the instant lies in the future")
        self.now = now


class Past:
    """A snapshot as at an instant (milliseconds since 1970 UTC); raises :class:`NotYet`."""

    def __init__(self, snapshot: Snapshot, at: int) -> None:
        if at > snapshot.now + AHEAD_MS:
            raise NotYet(snapshot.now)
        self._snapshot = snapshot
        self._at = at
        self._unread = [] if at < snapshot.folded_until else [Doubt.UNREAD]

    def page(self, caller: Caller, query: PageQuery) -> RequestPage:
        """A page of a request; the counts are those of the page.

        Only devices that are in the request now are read. One whose item has ended since is not
        listed, so :attr:`Doubt.FORGOTTEN` is always given. Raises :class:`NothingHeld`.
        """
        request, filters = query.request, query.filters
        if not may_see(caller, request):
            raise NothingHeld
        doubts, statuses = {Doubt.FORGOTTEN, *self._unread}, filters.wanted()
        items: list[ItemView] = []
        # All devices first: reading a row in between would make the store seek in the index again.
        devices = list(islice(self._snapshot.devices_of(request, query.after), MOST_LOOKED_AT + 1))
        last, more = query.after, len(devices) > MOST_LOOKED_AT
        for device in devices[:MOST_LOOKED_AT]:
            if len(items) == query.limit:
                more = True
                break
            last = DeviceId(device)
            item, of_device = self._item(caller, device, request)
            if item is None or int(item.status) not in statuses:
                continue
            if not filters.reasons or item.reason.code in filters.reasons:
                items.append(item)
                doubts.update(of_device)
        if last is None:
            raise NothingHeld
        counts = Counter(int(item.status) for item in items)
        return RequestPage(
            items,
            last if more else None,
            by_completion(counts),
            by_status(counts),
            most_frequent_first(Counter(item.reason.code for item in items)),
            seen_of(self._snapshot.reading),
            self._snapshot.freshness,
            self._instant(doubts),
        )

    def device(self, caller: Caller, device: DeviceId) -> DeviceAnswer:
        """What the caller may see of a device; :class:`NothingHeld`."""
        view, found = self._view(caller, device)
        items = tuple(i for i in view.items if may_see(caller, i.service_request_id))
        waiting, not_kept = unmatched_shown(caller, view, view.unmatched)
        if not items and not waiting:
            raise NothingHeld
        doubts = set(found.doubts()) | set(self._unread)
        freshness = self._snapshot.freshness
        return DeviceAnswer(items, waiting, not_kept, freshness, self._instant(doubts))

    def item(self, caller: Caller, device: DeviceId, request: ServiceRequestId) -> ItemAnswer:
        """One item of a device; :class:`NothingHeld`."""
        item, doubts = self._item(caller, device, request)
        if item is None or not may_see(caller, request):
            raise NothingHeld
        instant = self._instant({*doubts, *self._unread})
        return ItemAnswer(item, self._snapshot.freshness, instant)

    def _item(
        self, caller: Caller, device: str, request: ServiceRequestId
    ) -> tuple[ItemView | None, list[Doubt]]:
        try:
            view, found = self._view(caller, device)
        except NothingHeld:
            return None, []
        items = (i for i in view.items if i.service_request_id == request)
        return next(items, None), found.doubts(request)

    def _view(self, caller: Caller, device: str) -> tuple[DeviceView, AsAt]:
        row = self._snapshot.row(caller, device)
        if row is None:
            raise NothingHeld
        retention_ms = self._snapshot.retention_ms
        found = as_at(row, self._at, retention_ms)
        row_then = found.retained.row
        return device_view(device, row_then, self._snapshot.catalogue, retention_ms), found

    def _instant(self, doubts: set[Doubt]) -> Instant:
        return Instant(self._at, tuple(doubt for doubt in Doubt if doubt in doubts))
