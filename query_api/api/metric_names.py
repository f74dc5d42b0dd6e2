"""Definitions of the read side's metrics; :mod:`query_api.api.metrics` and the manual use them."""

from __future__ import annotations

from typing import Final

from runtime.metrics import parts, process
from runtime.metrics.definition import counter, gauge, histogram

READY: Final = gauge("fdt_ready", "1 once the view has caught up.")
LAG: Final = gauge(
    "fdt_lag_events",
    "Offsets of the status topic not applied yet; NaN while the broker does not answer.",
)
LAGS: Final = gauge(
    "fdt_view_lag_offsets",
    "The same by partition, which is how far ?changed_since= is behind; none while the broker does "
    "not answer.",
    "partition",
)
ITEMS: Final = gauge("fdt_items", "Items held, by Processing Status.", "status")
OLDEST: Final = gauge(
    "fdt_oldest_in_progress_age_seconds",
    "Age of the earliest evidence in any Service Request with items In Progress: no such item is "
    "older. 0 without one.",
)
AS_OF: Final = gauge(
    "fdt_as_of_timestamp_seconds", "Time up to which the view shows everything; NaN while unknown."
)
FRESHNESS: Final = gauge(
    "fdt_freshness_seconds",
    "Age of what the view shows, by the broker's clock; up to FDT_IDLE_CONTROL_INTERVAL while "
    "nothing happens. NaN while unknown.",
)
WAITING: Final = gauge(
    "fdt_waiting_events",
    "Events that the processor has not folded yet, at most; NaN while unknown.",
)
SOURCES: Final = gauge(
    "fdt_source_received_timestamp_seconds",
    "Last received time of each source and CSP region.",
    "source",
)
SEEN: Final = gauge(
    "fdt_processor_seen_timestamp_seconds",
    "Last sign of life of the processor of each partition; NaN before the first.",
    "partition",
)
REQUEST: Final = histogram(
    "fdt_request_seconds", "Time from a request to the end of its answer.", "route"
)
ANSWERS: Final = counter(
    "fdt_answers_total", "Answers by route and HTTP status.", "route", "status"
)
PROBLEMS: Final = counter(
    "fdt_problems_total",
    "Answers that were a problem, by its kind: limits (too-many), tokens, rights, what is away.",
    "problem",
)
SIGN_INS: Final = counter(
    "fdt_sign_ins_total", "Browsers that came back from the identity provider.", "outcome"
)
SPOOL: Final = gauge("fdt_audit_spool_bytes", "Audit entries on disk that wait for the broker.")
SPOOL_ROOM: Final = gauge(
    "fdt_audit_spool_room_bytes", "Room for them: once it is used up, nothing is answered."
)
SPOOL_AGE: Final = gauge(
    "fdt_audit_spool_oldest_age_seconds", "How long the oldest of them have waited; 0 if none do."
)
HEARD: Final = gauge(
    "fdt_read_sides_heard_timestamp_seconds",
    "Time up to which it is known what other read sides ended; NaN where none share keys.",
)
METRICS: Final = (
    *(READY, LAG, LAGS, ITEMS, OLDEST, AS_OF, FRESHNESS, WAITING, SOURCES, SEEN),
    *(REQUEST, ANSWERS, PROBLEMS, SIGN_INS, SPOOL, SPOOL_ROOM, SPOOL_AGE, HEARD),
    *parts.METRICS,
    *process.METRICS,
)
"""Everything that a read side exports."""
