"""The query service: every question is limited, answered and audited here, whatever its form.

JSON, CSV and pages come through here, so none of them can look anything up without the user's
rights, outside the limits, or without a trace.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final, TypeVar

from projections.views import ItemView
from query_api.audit.entry import Action, AuditEntry, Outcome
from query_api.audit.reading import AuditLog, Question
from query_api.audit.trail import Auditor
from query_api.identity.access import Caller, Forbidden, may_see, require_log, require_reader
from query_api.identity.rate_limit import Allowance, RateLimit
from query_api.queries.instants import Past
from query_api.queries.reads import (
    DeviceAnswer,
    Filters,
    Freshness,
    ItemAnswer,
    NothingHeld,
    Reads,
    RequestPage,
    Snapshot,
)
from schemas.identifiers import DeviceId, ServiceRequestId

NOTHING_TAKES_S: Final = 0.01
"""Answers that hold nothing all take this long: what is foreign is found sooner or later than what
is not there, and nobody shall learn from that which it is."""

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Limits:
    """How often each user may do what."""

    search: RateLimit
    """Looking something up, in any form."""
    refresh: RateLimit
    """Looking again at what a page shows already."""
    download: RateLimit

    def all(self) -> tuple[RateLimit, ...]:
        """Each of them."""
        return self.search, self.refresh, self.download


@dataclass(frozen=True, slots=True)
class Download:
    """Items on their way out, and how fresh they are."""

    items: Iterator[ItemView]
    freshness: Freshness


class QueryService:
    """Answers questions for callers who are signed in."""

    def __init__(self, reads: Reads, auditor: Auditor, log: AuditLog, limits: Limits) -> None:
        self.reads = reads
        self.auditor = auditor
        self._log = log
        self._limits = limits

    def admit(self, caller: Caller) -> None:
        """:class:`Forbidden`, written down, unless there is anything for him."""
        self.require(caller, require_reader)

    def require(
        self, caller: Caller, right: Callable[[Caller], None], criterion: str | None = None
    ) -> None:
        """:class:`~query_api.identity.access.Forbidden`, written down, without this right."""
        try:
            right(caller)
        except Forbidden:
            self.auditor.note(caller, Action.VIEW, criterion, Outcome.REFUSED)
            raise

    def searches_left(self, caller: Caller) -> Allowance:
        """What the caller may still look up."""
        return self._limits.search.allowance(caller.subject)

    def downloads_left(self, caller: Caller) -> Allowance:
        """What the caller may still download."""
        return self._limits.download.allowance(caller.subject)

    def request(
        self,
        caller: Caller,
        request: ServiceRequestId,
        filters: Filters,
        limit: int,
        after: DeviceId | None,
        *,
        again: bool = False,
        at: int | None = None,
    ) -> RequestPage:
        """A page of a request; :class:`~query_api.queries.reads.NothingHeld`.

        ``again`` is for a page that refreshes what it showed before: that is no new look-up.
        ``at`` is for the answer as it was then, in milliseconds since 1970 UTC; here and below
        :class:`~query_api.queries.instants.NotYet` if that has not come.
        """
        self._count(caller, again)
        with self.reads.snapshot() as snapshot:
            return self._noted(
                caller,
                Action.SEARCH,
                str(request),
                lambda: _at(snapshot, at).page(caller, request, filters, limit, after),
                lambda page: len(page.items),
                silent=again,
                foreign=not may_see(caller, request),
            )

    def device(
        self, caller: Caller, device: DeviceId, *, again: bool = False, at: int | None = None
    ) -> DeviceAnswer:
        """The requests of a device; :class:`~query_api.queries.reads.NothingHeld`."""
        self._count(caller, again)
        with self.reads.snapshot() as snapshot:
            return self._noted(
                caller,
                Action.SEARCH,
                str(device),
                lambda: _at(snapshot, at).device(caller, device),
                lambda answer: len(answer.items),
                silent=again,
            )

    def item(
        self,
        caller: Caller,
        device: DeviceId,
        request: ServiceRequestId,
        *,
        again: bool = False,
        at: int | None = None,
    ) -> ItemAnswer:
        """One item with its timeline; :class:`~query_api.queries.reads.NothingHeld`."""
        self._count(caller, again)
        with self.reads.snapshot() as snapshot:
            return self._noted(
                caller,
                Action.VIEW,
                f"{device} {request}",
                lambda: _at(snapshot, at).item(caller, device, request),
                lambda _: 1,
                silent=again,
                foreign=not may_see(caller, request),
            )

    def download(
        self,
        caller: Caller,
        request: ServiceRequestId,
        filters: Filters,
        held: ExitStack,
        *,
        unread: bool = False,
    ) -> Download:
        """Every wanted item of a request, from a snapshot that ``held`` keeps open;
        :class:`~query_api.queries.reads.NothingHeld`.

        ``unread`` is for who asks whether there is a download, and is shown no row of it: none is
        counted, which may take as long as to read them.
        """
        self._limits.download.take(caller.subject)
        snapshot = held.enter_context(self.reads.snapshot())
        items = self._noted(
            caller,
            Action.DOWNLOAD,
            str(request),
            lambda: snapshot.items(caller, request, filters),
            lambda _: 0 if unread else snapshot.count(request, filters),
            foreign=not may_see(caller, request),
        )
        return Download(items, snapshot.freshness)

    def log(self, caller: Caller, question: Question) -> list[AuditEntry]:
        """The newest audit entries, for an auditor; reading them is itself written down."""
        self.require(caller, require_log, "access log")
        self._limits.search.take(caller.subject)
        found = self._log.newest(question)
        self.auditor.note(caller, Action.LOG, "access log", Outcome.FOUND, len(found))
        return found

    def _count(self, caller: Caller, again: bool) -> None:
        (self._limits.refresh if again else self._limits.search).take(caller.subject)

    def _noted(
        self,
        caller: Caller,
        action: Action,
        criterion: str,
        ask: Callable[[], Answer],
        rows: Callable[[Answer], int],
        *,
        silent: bool = False,
        foreign: bool = False,
    ) -> Answer:
        """The answer, once it is written down what was asked and whether there was anything."""
        begun = time.monotonic()
        try:
            answer = ask()
        except NothingHeld:
            outcome = Outcome.REFUSED if foreign else Outcome.EMPTY
            self.auditor.note(caller, action, criterion, outcome)
            time.sleep(max(0.0, NOTHING_TAKES_S - (time.monotonic() - begun)))
            raise
        if not silent:
            self.auditor.note(caller, action, criterion, Outcome.FOUND, rows(answer))
        return answer


def _at(snapshot: Snapshot, at: int | None) -> Snapshot | Past:
    """Whoever answers: the present, or an instant of the past."""
    return snapshot if at is None else Past(snapshot, at)
