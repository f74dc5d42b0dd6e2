"""The query service: limits, answers and audits every query of the API, the downloads and the
screen.

No query bypasses it, and so none is without the caller's rights, a rate limit and an audit entry.
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
    PageQuery,
    Reads,
    RequestPage,
    Snapshot,
)
from schemas.identifiers import DeviceId, ServiceRequestId

NOTHING_TAKES_S: Final = 0.01
"""Least duration of an answer without a result: its time must not reveal whether an identifier is
unknown or another supplier's."""

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Limits:
    """The rate limits of each user."""

    search: RateLimit
    """Searches, in any format."""
    refresh: RateLimit
    """Refreshes of an open page."""
    download: RateLimit

    def all(self) -> tuple[RateLimit, ...]:
        """All limits."""
        return self.search, self.refresh, self.download


@dataclass(frozen=True, slots=True)
class Download:
    """The items of a download, and their freshness."""

    items: Iterator[ItemView]
    freshness: Freshness


class QueryService:
    """Answers the queries of signed-in callers."""

    def __init__(self, reads: Reads, auditor: Auditor, log: AuditLog, limits: Limits) -> None:
        self.reads = reads
        self.auditor = auditor
        self._log = log
        self._limits = limits

    def admit(self, caller: Caller) -> None:
        """:class:`Forbidden`, with an audit entry, unless the caller has a role that may read."""
        self.require(caller, require_reader)

    def require(
        self, caller: Caller, right: Callable[[Caller], None], criterion: str | None = None
    ) -> None:
        """:class:`~query_api.identity.access.Forbidden`, with an audit entry, if ``right`` raises
        it."""
        try:
            right(caller)
        except Forbidden:
            self.auditor.note(caller, Action.VIEW, criterion, Outcome.REFUSED)
            raise

    def searches_left(self, caller: Caller) -> Allowance:
        """What is left of the caller's limit of searches."""
        return self._limits.search.allowance(caller.subject)

    def downloads_left(self, caller: Caller) -> Allowance:
        """What is left of the caller's limit of downloads."""
        return self._limits.download.allowance(caller.subject)

    def request(
        self, caller: Caller, query: PageQuery, *, again: bool = False, at: int | None = None
    ) -> RequestPage:
        """A page of a request; :class:`~query_api.queries.reads.NothingHeld`.

        All queries: ``again`` marks the refresh of an open page, which has its own limit and no
        audit entry. ``at`` asks for the answer as at that instant, in milliseconds since 1970 UTC;
        :class:`~query_api.queries.instants.NotYet` if it is in the future. They also raise
        :class:`~query_api.queries.reads.NotReady`, :class:`~query_api.identity.rate_limit.TooMany`
        and :class:`~query_api.audit.trail.NoTrail`.
        """
        self._count(caller, again)
        with self.reads.snapshot() as snapshot:
            return self._noted(
                caller,
                Action.SEARCH,
                str(query.request),
                lambda: _at(snapshot, at).page(caller, query),
                lambda page: len(page.items),
                silent=again,
                foreign=not may_see(caller, query.request),
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
        """All selected items of a request, from a snapshot that ``held`` keeps open;
        :class:`~query_api.queries.reads.NothingHeld`.

        With ``unread`` only whether there is a download is asked: no row is counted, which may
        take as long as to read them.
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
        """The newest audit entries, for an auditor; reading them makes an audit entry too."""
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
        """The answer of ``ask``, after an audit entry with its outcome; ``silent`` writes none for
        a result. ``foreign`` makes the outcome of an answer without a result *refused*."""
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
    """The snapshot, or its state as at an instant."""
    return snapshot if at is None else Past(snapshot, at)
