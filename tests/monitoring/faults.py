"""What each alert must notice, and what it must let pass: series as Prometheus would have scraped
them, a sample a minute, over a system in which everything is well."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

AT: Final = 40
"""Minute at which is looked, if nothing else is said."""
LATE: Final = 70
"""The same of what takes an hour to be noticed."""
MINUTES: Final = 100
DAY: Final = 1440 * 60
WORKER: Final = 'job="fdt-worker",instance="worker:8082"'
READ_SIDE: Final = 'job="fdt-read-side",instance="read-side:8080"'

Series = dict[str, str]
"""Name and labels -> values, in promtool's notation."""


def still(value: float) -> str:
    """The same all the time."""
    return f"{value}x{MINUTES}"


def growing(by: float, start: float = 0) -> str:
    """So many more each minute."""
    return f"{start}+{by}x{MINUTES}"


def lately(first: float, minutes: int, after: float, at: int = AT) -> str:
    """``first``, and something else for the last so many minutes before it is looked."""
    return f"{first}x{at - minutes - 1} {after}x{MINUTES}"


def once(usual: float, odd: float) -> str:
    """Odd for one minute, a minute before it is looked."""
    return f"{usual}x{AT - 2} {odd} {usual}x{MINUTES}"


def stopped(minutes: int) -> str:
    """A time of day that has stood still for the last so many minutes."""
    return f"0+60x{AT - minutes} {still((AT - minutes) * 60)}"


def began(minutes: int, value: float, at: int = AT) -> str:
    """Nothing, and a value for the last so many minutes."""
    return " ".join(["_"] * (at - minutes)) + f" {still(value)}"


UNKNOWN: Final = " ".join(["NaN"] * MINUTES)

HEALTHY: Final[Series] = {
    f"up{{{WORKER}}}": still(1),
    f"up{{{READ_SIDE}}}": still(1),
    f"fdt_ready{{{WORKER}}}": still(1),
    f"fdt_ready{{{READ_SIDE}}}": still(1),
    f'fdt_build_info{{{WORKER},version="1",rules="compiled"}}': still(1),
    f'fdt_build_info{{{READ_SIDE},version="1",rules="compiled"}}': still(1),
    f"process_start_time_seconds{{{WORKER}}}": still(1),
    f"process_start_time_seconds{{{READ_SIDE}}}": still(1),
    f"process_resident_memory_bytes{{{WORKER}}}": still(4e8),
    f"process_open_fds{{{WORKER}}}": still(90),
    f"process_max_fds{{{WORKER}}}": still(1024),
    f'fdt_part_working{{{WORKER},part="topics"}}': still(1),
    f'fdt_unread_partitions{{{WORKER},topic="firmware.dsp.v1"}}': still(0),
    f"fdt_lag_events{{{READ_SIDE}}}": still(0),
    f"fdt_freshness_seconds{{{READ_SIDE}}}": still(30),
    f"fdt_oldest_in_progress_age_seconds{{{READ_SIDE}}}": still(5 * DAY),
    f'fdt_processor_seen_timestamp_seconds{{{READ_SIDE},partition="0"}}': growing(60),
    f'fdt_source_received_timestamp_seconds{{{READ_SIDE},source="dsp"}}': growing(60),
    f'fdt_source_received_timestamp_seconds{{{READ_SIDE},source="ssmi"}}': still(0),
    f'fdt_source_lag_seconds{{{WORKER},topic="firmware.dsp.v1",partition="0"}}': still(0),
    f'fdt_source_records_total{{{WORKER},partition="0",outcome="read"}}': growing(6000),
    f'fdt_source_records_total{{{WORKER},partition="0",outcome="dead_lettered"}}': growing(6),
    f'fdt_source_records_total{{{WORKER},partition="0",outcome="quarantined"}}': still(3),
    f'fdt_source_records_total{{{WORKER},partition="0",outcome="deleted_unread"}}': still(0),
    f"fdt_outage_waits_total{{{WORKER}}}": still(0),
    f"fdt_aborted_transactions_total{{{WORKER}}}": still(2),
    f"fdt_rebalances_total{{{WORKER}}}": still(1),
    f"fdt_owned_partitions{{{WORKER}}}": still(4),
    f"fdt_last_sweep_timestamp_seconds{{{WORKER}}}": growing(60),
    f'fdt_transaction_seconds_bucket{{{WORKER},le="0.1"}}': growing(100),
    f'fdt_transaction_seconds_bucket{{{WORKER},le="5"}}': growing(100),
    f'fdt_transaction_seconds_bucket{{{WORKER},le="+Inf"}}': growing(100),
    f'fdt_store_writes_stopped{{{WORKER},store="partition-0"}}': still(0),
    f'fdt_store_delayed_write_bytes_per_second{{{WORKER},store="partition-0"}}': still(0),
    f"fdt_disk_free_bytes{{{WORKER}}}": still(5e10),
    f"fdt_disk_bytes{{{WORKER}}}": still(1e11),
    f'fdt_answers_total{{{READ_SIDE},route="/search",status="200"}}': growing(1000),
    f'fdt_answers_total{{{READ_SIDE},route="/readyz",status="503"}}': growing(100),
    f'fdt_request_seconds_bucket{{{READ_SIDE},route="/search",le="0.1"}}': growing(1000),
    f'fdt_request_seconds_bucket{{{READ_SIDE},route="/search",le="2.5"}}': growing(1000),
    f'fdt_request_seconds_bucket{{{READ_SIDE},route="/search",le="+Inf"}}': growing(1000),
    f"fdt_audit_spool_oldest_age_seconds{{{READ_SIDE}}}": still(0.4),
    f"fdt_audit_spool_bytes{{{READ_SIDE}}}": still(500),
    f"fdt_audit_spool_room_bytes{{{READ_SIDE}}}": still(6.7e7),
    f'fdt_problems_total{{{READ_SIDE},problem="sign-in-unavailable"}}': still(1),
    f'fdt_problems_total{{{READ_SIDE},problem="too-many"}}': growing(1),
    f'fdt_sign_ins_total{{{READ_SIDE},outcome="signed_in"}}': growing(4),
    f'fdt_sign_ins_total{{{READ_SIDE},outcome="refused"}}': growing(1),
}
"""Nothing fires."""


@dataclass(frozen=True)
class Fault:
    """What makes an alert fire, and something that is nearly the same and must not; both change
    some of the healthy series (``None`` takes one away)."""

    alert: str
    series: dict[str, str | None]
    near: dict[str, str | None]
    at: int = AT
    also: tuple[str, ...] = field(default=())
    """Alerts that the same fault sets off, and rightly."""


def _healthy(beginning: str) -> str:
    """The one healthy series whose name and labels begin so."""
    (found,) = [name for name in HEALTHY if name.startswith(beginning)]
    return found


def _worker(name: str, labels: str = "") -> str:
    return f"{name}{{{WORKER}{',' if labels else ''}{labels}}}"


def _read_side(name: str, labels: str = "") -> str:
    return f"{name}{{{READ_SIDE}{',' if labels else ''}{labels}}}"


_OTHER_WORKER = 'up{job="fdt-worker",instance="other:8082"}'
_OTHER_READ_SIDE = 'up{job="fdt-read-side",instance="other:8080"}'
_QUARANTINED = _worker("fdt_source_records_total", 'partition="0",outcome="quarantined"')
_DELETED = _worker("fdt_source_records_total", 'partition="0",outcome="deleted_unread"')
_SUCCESSOR = (
    'fdt_source_records_total{job="fdt-worker",instance="other:8082",partition="0",'
    'outcome="quarantined"}'
)
_SLOW = _worker("fdt_transaction_seconds_bucket", 'le="0.1"')
_SLOW_ROUTE = _read_side("fdt_request_seconds_bucket", 'route="/search",le="0.1"')
_REFUSED = _read_side("fdt_sign_ins_total", 'outcome="refused"')

FAULTS: Final = (
    Fault(
        "FdtNoWorker",
        {_worker("up"): still(0)},
        {_worker("up"): once(1, 0)},
        also=("FdtWorkerDown",),
    ),
    Fault(
        "FdtNoWorker",
        {_worker("up"): None},
        {_worker("up"): None, _OTHER_WORKER: still(1)},
    ),
    Fault(
        "FdtWorkerDown",
        {_OTHER_WORKER: lately(1, 20, 0)},
        {_OTHER_WORKER: lately(1, 1, 0)},
    ),
    Fault(
        "FdtNoReadSide",
        {_read_side("up"): still(0)},
        {_read_side("up"): once(1, 0)},
        also=("FdtReadSideDown",),
    ),
    Fault(
        "FdtReadSideDown",
        {_OTHER_READ_SIDE: lately(1, 20, 0)},
        {_OTHER_READ_SIDE: lately(1, 1, 0)},
    ),
    Fault(
        "FdtNotReady",
        {_worker("fdt_ready"): lately(1, 20, 0)},
        {_worker("fdt_ready"): lately(1, 5, 0)},
    ),
    Fault(
        "FdtRestarting",
        {_worker("process_start_time_seconds"): growing(60)},
        {_worker("process_start_time_seconds"): lately(1, 10, 2)},
    ),
    Fault(
        "FdtPartNotWorking",
        {_worker("fdt_part_working", 'part="topics"'): lately(1, 10, 0)},
        {_worker("fdt_part_working", 'part="topics"'): once(1, 0)},
    ),
    Fault(
        "FdtBrokerAway",
        {_read_side("fdt_lag_events"): UNKNOWN},
        {_read_side("fdt_lag_events"): once(0, float("nan"))},
    ),
    Fault(
        "FdtBrokerAway",
        {_worker("fdt_outage_waits_total"): growing(4)},
        {_worker("fdt_outage_waits_total"): lately(0, 0, 4)},
    ),
    Fault(
        "FdtPartitionsUnread",
        {_worker("fdt_unread_partitions", 'topic="firmware.dsp.v1"'): lately(0, 10, 4)},
        {_worker("fdt_unread_partitions", 'topic="firmware.csp.v1"'): still(0)},
    ),
    Fault(
        "FdtProcessorSilent",
        {_healthy("fdt_processor_seen"): stopped(5)},
        {_healthy("fdt_processor_seen"): stopped(2)},
    ),
    Fault(
        "FdtFoldBehind",
        {_healthy("fdt_source_lag_seconds"): growing(60)},
        {_healthy("fdt_source_lag_seconds"): still(200)},
    ),
    Fault(
        "FdtNotFresh",
        {_read_side("fdt_freshness_seconds"): growing(60)},
        {_read_side("fdt_freshness_seconds"): UNKNOWN},
    ),
    Fault(
        "FdtSourceSilent",
        {
            _read_side("fdt_source_received_timestamp_seconds", 'source="csp/North"'): still(
                AT * 60 - 22_000
            )
        },
        {
            _read_side("fdt_source_received_timestamp_seconds", 'source="csp/North"'): still(
                AT * 60 - 21_000
            )
        },
    ),
    Fault(
        "FdtItemsOld",
        {_read_side("fdt_oldest_in_progress_age_seconds"): still(22 * DAY)},
        {_read_side("fdt_oldest_in_progress_age_seconds"): still(20 * DAY)},
        at=LATE,
    ),
    Fault(
        "FdtDeadLetters",
        {_worker("fdt_source_records_total", 'partition="0",outcome="dead_lettered"'): growing(90)},
        {_worker("fdt_source_records_total", 'partition="0",outcome="dead_lettered"'): growing(50)},
    ),
    Fault(
        "FdtDefect",
        {_QUARANTINED: lately(3, 10, 4, LATE)},
        {_QUARANTINED: lately(3, 65, 4, LATE)},
        at=LATE,
    ),
    Fault(
        "FdtDefect",
        {_SUCCESSOR: began(10, 4)},
        {_SUCCESSOR: began(10, 3)},
    ),
    Fault("FdtRecordsDeleted", {_DELETED: lately(0, 10, 900)}, {_DELETED: still(900)}),
    Fault(
        "FdtTransactionsAborted",
        {_worker("fdt_aborted_transactions_total"): growing(1)},
        {_worker("fdt_aborted_transactions_total"): lately(0, 10, 3)},
    ),
    Fault("FdtTransactionsSlow", {_SLOW: growing(90)}, {_SLOW: growing(97)}),
    Fault(
        "FdtRebalancing",
        {_worker("fdt_rebalances_total"): growing(1)},
        {_worker("fdt_rebalances_total"): lately(1, 10, 4)},
    ),
    Fault(
        "FdtSweepStopped",
        {_worker("fdt_last_sweep_timestamp_seconds"): still(0)},
        {
            _worker("fdt_last_sweep_timestamp_seconds"): still(0),
            _worker("process_start_time_seconds"): still((AT - 10) * 60),
        },
    ),
    Fault(
        "FdtSweepStopped",
        {_worker("fdt_last_sweep_timestamp_seconds"): stopped(30)},
        {
            _worker("fdt_last_sweep_timestamp_seconds"): stopped(30),
            _worker("fdt_owned_partitions"): still(0),
        },
    ),
    Fault(
        "FdtRulesPlain",
        {_worker("fdt_build_info", 'version="1",rules="plain"'): still(1)},
        {_read_side("fdt_build_info", 'version="1",rules="plain"'): still(1)},
    ),
    Fault(
        "FdtStoreStalled",
        {_healthy("fdt_store_writes_stopped"): lately(0, 10, 1)},
        {_healthy("fdt_store_writes_stopped"): lately(0, 3, 1)},
    ),
    Fault(
        "FdtStoreStalled",
        {_healthy("fdt_store_delayed"): lately(0, 10, 16e6)},
        {_healthy("fdt_store_delayed"): lately(16e6, 10, 0)},
    ),
    Fault(
        "FdtDiskFilling",
        {_worker("fdt_disk_free_bytes"): still(5e9)},
        {_worker("fdt_disk_free_bytes"): still(1.5e10)},
    ),
    Fault(
        "FdtMemory",
        {_worker("process_resident_memory_bytes"): still(2e9)},
        {'process_resident_memory_bytes{job="other",instance="x"}': still(2e9)},
    ),
    Fault(
        "FdtOpenFiles",
        {_worker("process_open_fds"): still(900)},
        {_worker("process_open_fds"): still(700)},
    ),
    Fault(
        "FdtVersionsDiffer",
        {_read_side("fdt_build_info", 'version="2",rules="compiled"'): still(1)},
        {_read_side("fdt_build_info", 'version="2",rules="compiled"'): began(40, 1, LATE)},
        at=LATE,
    ),
    Fault(
        "FdtErrors",
        {_read_side("fdt_answers_total", 'route="/search",status="500"'): growing(20)},
        {_read_side("fdt_answers_total", 'route="/search",status="500"'): growing(5)},
    ),
    Fault("FdtAnswersSlow", {_SLOW_ROUTE: growing(900)}, {_SLOW_ROUTE: growing(960)}),
    Fault(
        "FdtAuditWaits",
        {_read_side("fdt_audit_spool_oldest_age_seconds"): growing(60)},
        {_read_side("fdt_audit_spool_oldest_age_seconds"): still(60)},
    ),
    Fault(
        "FdtAuditFilling",
        {_read_side("fdt_audit_spool_bytes"): still(4e7)},
        {_read_side("fdt_audit_spool_bytes"): still(3e7)},
    ),
    Fault(
        "FdtProviderAway",
        {_read_side("fdt_problems_total", 'problem="sign-in-unavailable"'): growing(2)},
        {_read_side("fdt_problems_total", 'problem="sign-in-unavailable"'): lately(1, 2, 2)},
    ),
    Fault("FdtSignInsRefused", {_REFUSED: growing(6)}, {_REFUSED: growing(3)}),
    Fault(
        "FdtLimitsHit",
        {_read_side("fdt_problems_total", 'problem="too-many"'): growing(10)},
        {_read_side("fdt_problems_total", 'problem="too-many"'): growing(5)},
    ),
)


def tests() -> list[dict[str, Any]]:
    """What promtool is to hold: everything well, each fault, and what is nearly one."""
    found = [_test("everything is well", {}, LATE, ())]
    for number, fault in enumerate(FAULTS):
        name = f"{number} {fault.alert}"
        found.append(_test(name, fault.series, fault.at, (fault.alert, *fault.also)))
        found.append(_test(f"{name}, nearly", fault.near, fault.at, ()))
    return found


def _test(
    name: str, changed: dict[str, str | None], minute: int, firing: tuple[str, ...]
) -> dict[str, Any]:
    series = {**HEALTHY, **changed}
    return {
        "name": name,
        "interval": "1m",
        "input_series": [
            {"series": each, "values": values}
            for each, values in series.items()
            if values is not None
        ],
        "promql_expr_test": [
            {
                "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                "eval_time": f"{minute}m",
                "exp_samples": [
                    {"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in firing
                ],
            }
        ],
    }
