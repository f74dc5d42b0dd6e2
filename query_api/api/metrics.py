"""The read side's metrics for Prometheus: items held, freshness, and answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from prometheus_client import generate_latest
from prometheus_client.registry import Collector

from projections.lifecycle import LIFECYCLE, Completion, Status
from query_api.api import metric_names as names
from query_api.audit.spool import Spool
from query_api.queries.reads import Freshness, Reads
from query_api.view.layout import COUNTS_PREFIX, decode_request_counts
from query_api.view.status_view import View
from query_api.web.problems import KINDS
from runtime.health import Health
from runtime.metrics.definition import UNKNOWN, Family, new_registry
from runtime.metrics.parts import PartsCollector, UnreadCollector
from runtime.topics import TopicsWatch
from schemas.identifiers import DeviceId, InvalidIdentifier

SOURCES_SHOWN: Final = 40
"""Sources and CSP regions exported, the latest ones: publishers may write any region name."""
OTHER: Final = "other"
_OLDEST_SHARE: Final = 0.01
"""Share of the time that may be spent on scanning the requests for the oldest. A scan takes some
3 us a request: with 10,000 requests there is one every three seconds."""
_IN_PROGRESS: Final = frozenset(
    int(status) for status in Status if status.completion is Completion.IN_PROGRESS
)
_BACK: Final = "/sign-in/callback"
"""Route to which the identity provider sends browsers back."""
SIGN_INS: Final = {303: "signed_in", 400: "refused", 503: "provider_away"}
"""HTTP status of that route -> outcome of the sign-in."""


class Metrics:
    """The read side's metrics, in a registry of their own."""

    def __init__(
        self,
        reads: Reads,
        health: Health,
        topics: TopicsWatch | None,
        more: Sequence[Collector],
    ) -> None:
        self._registry = new_registry()
        own = [_ViewCollector(reads), _OldestCollector(reads), PartsCollector(health)]
        if topics is not None:
            own.append(UnreadCollector(topics))
        for collector in (*own, *more):
            self._registry.register(collector)
        self._seconds = names.REQUEST.histogram(self._registry)
        self._answers = names.ANSWERS.counter(self._registry)
        self._problems = names.PROBLEMS.counter(self._registry)
        self._sign_ins = names.SIGN_INS.counter(self._registry)
        for kind in KINDS:
            self._problems.labels(kind)
        for outcome in (*SIGN_INS.values(), OTHER):
            self._sign_ins.labels(outcome)

    def answered(self, route: str, status: int | None, seconds: float) -> None:
        """Count an answer; no status means that the connection ended before the answer began."""
        self._seconds.labels(route).observe(seconds)
        self._answers.labels(route, "aborted" if status is None else str(status)).inc()
        if route == _BACK:
            self._sign_ins.labels(SIGN_INS.get(status or 0, OTHER)).inc()

    def refused(self, kind: str) -> None:
        """Count an answer that is a problem of ``kind``."""
        self._problems.labels(kind).inc()

    def exposition(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self._registry)


class _ViewCollector(Collector):
    """Reads the view at each scrape, so that no second count has to be kept; NaN is *unknown*."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._progress = reads.progress

    def collect(self) -> Iterator[Family]:
        """Items by status, lag, readiness and freshness."""
        lags = self._progress.lags()
        yield names.READY.of(self._progress.view is not None)
        yield names.LAG.of(UNKNOWN if lags is None else sum(lags.values()))
        yield names.LAGS.family({(str(n),): lag for n, lag in (lags or {}).items()})
        yield names.ITEMS.family(self._items())
        fresh = None if self._progress.view is None else self._reads.freshness()
        yield from self._freshness(fresh)
        yield from self._waiting(fresh)

    def _items(self) -> Mapping[tuple[str, ...], float]:
        view = self._progress.view
        totals = None if view is None else view.totals()
        return {
            (row.label,): UNKNOWN if totals is None else totals.get(row.status, 0)
            for row in LIFECYCLE
        }

    def _freshness(self, fresh: Freshness | None) -> Iterator[Family]:
        as_of, now = None if fresh is None else fresh.as_of, self._progress.broker_now()
        yield names.AS_OF.of(UNKNOWN if as_of is None else as_of / 1000)
        yield names.FRESHNESS.of(UNKNOWN if as_of is None else max(0, now - as_of) / 1000)

    def _waiting(self, fresh: Freshness | None) -> Iterator[Family]:
        waiting = None if fresh is None else fresh.waiting_events
        yield names.WAITING.of(UNKNOWN if waiting is None else waiting)
        sources = {} if fresh is None else shown(fresh.sources)
        yield names.SOURCES.family({(name,): at / 1000 for name, at in sources.items()})
        seen = {} if fresh is None else self._reads.processor_seen()
        yield names.SEEN.family(
            {(str(n),): UNKNOWN if at is None else at / 1000 for n, at in seen.items()}
        )


class HeardCollector(Collector):
    """Time up to which notices of other read sides were read. ``heard_at`` gives seconds since 1970
    UTC, or ``None`` before the first; it is ``None`` itself where no session keys are shared."""

    def __init__(self, heard_at: Callable[[], float | None] | None) -> None:
        self._heard_at = heard_at

    def collect(self) -> Iterator[Family]:
        """``fdt_read_sides_heard_timestamp_seconds``."""
        heard = None if self._heard_at is None else self._heard_at()
        yield names.HEARD.of(UNKNOWN if heard is None else heard)


class _OldestCollector(Collector):
    """Age of the oldest request with items In Progress. The scan is repeated only as often as
    :data:`_OLDEST_SHARE` allows."""

    def __init__(self, reads: Reads) -> None:
        self._progress = reads.progress
        self._found: int | None = None
        self._look_at = float("-inf")

    def collect(self) -> Iterator[Family]:
        """``fdt_oldest_in_progress_age_seconds``"""
        view, now = self._progress.view, time.monotonic()
        if view is None:
            yield names.OLDEST.of(UNKNOWN)
            return
        if now >= self._look_at:
            self._found = oldest_in_progress(view)
            done = time.monotonic()
            self._look_at = done + (done - now) / _OLDEST_SHARE
        since = self._progress.broker_now() if self._found is None else self._found
        yield names.OLDEST.of(max(0, self._progress.broker_now() - since) / 1000)


class SpoolCollector(Collector):
    """Size and age of the audit entries that wait for the broker."""

    def __init__(self, spool: Spool, now: Callable[[], float] = time.time) -> None:
        self._spool = spool
        self._now = now

    def collect(self) -> Iterator[Family]:
        """``fdt_audit_spool_…``"""
        oldest = self._spool.oldest()
        yield names.SPOOL.of(self._spool.size)
        yield names.SPOOL_ROOM.of(self._spool.room)
        yield names.SPOOL_AGE.of(0 if oldest is None else max(0.0, self._now() - oldest))


def oldest_in_progress(view: View) -> int | None:
    """Earliest received time of any evidence in a request that has items In Progress, in
    milliseconds; none without such a request. Read from the counts of the requests."""
    with view.snapshot() as reading:
        found = (decode_request_counts(value) for _, value in reading.scan(COUNTS_PREFIX))
        times = (counts.oldest for counts in found if counts and _IN_PROGRESS & {*counts.statuses})
        return min(times, default=None)


def shown(sources: Mapping[str, int]) -> Mapping[str, int]:
    """The sources to be exported as labels: a bounded number, and no identifiers."""
    latest = sorted(sources.items(), key=lambda one: -one[1])
    found: dict[str, int] = {}
    for number, (name, at) in enumerate(latest):
        source, _, region = name.partition("/")
        if region and (number >= SOURCES_SHOWN or not region.isprintable() or _is_id(region)):
            name = f"{source}/{OTHER}"
        found[name] = max(at, found.get(name, 0))
    return dict(sorted(found.items()))


def _is_id(text: str) -> bool:
    try:
        DeviceId.parse(text)
    except InvalidIdentifier:
        return False
    return True
