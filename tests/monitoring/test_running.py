"""What a running system exports after a campaign, scraped by a real Prometheus."""

from __future__ import annotations

import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import httpx
import pytest
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.parser import text_string_to_metric_families

from fdt.brokers.finding import Broker
from fdt.contract.metrics_page import of_the_machine
from processor import metrics as worker
from processor.profile import stages
from query_api.api import metric_names as read_side
from runtime.metrics.definition import Metric
from sources.planning.plan import Plan, build_plan
from tests.monitoring import queries
from tests.monitoring.running import System, system, until
from tests.monitoring.tools import program
from tests.support.plans import publish
from tests.support.read_side import service_centre
from tests.support.topics import create_anew, wait_until_read

IDENTIFIER: Final = re.compile(
    r"(?:[0-9A-Fa-f]{2}[-:]){5}|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-|[0-9A-Fa-f]{16}|:\d{6,}"
)
"""EUI-64s, MAC addresses, UUIDs, digests, counters of request IDs."""
MOST_SERIES: Final = 400
"""Of one metric of one program, with four partitions and every route asked for."""
MOST_VALUES: Final = 60
"""Of one label."""


@dataclass(frozen=True)
class Played:
    """A system that has gone through a campaign and answered questions about it."""

    running: System
    plan: Plan

    def families(self) -> Iterator[tuple[str, Family]]:
        """(address, metric family) of everything that is exported."""
        for address, text in self.running.exposed().items():
            for family in text_string_to_metric_families(text):
                yield address, family


@pytest.fixture(scope="module")
def played(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """Two workers and a read side; everything is folded, and looked up."""
    create_anew(broker.bootstrap_servers)
    plan = build_plan(seed=11, requests=3, devices=400)
    folder = tmp_path_factory.mktemp("system")
    with system(broker.bootstrap_servers, folder, workers=2) as found:
        publish(plan, broker.bootstrap_servers, 4)
        wait_until_read(broker.bootstrap_servers, len(plan.publications))
        _look_up(found, plan)
        folded = "sum(fdt_waiting_events) == 0 and sum(fdt_items) > 0"
        until(lambda: found.prometheus.holds(folded), found.told)
        until(lambda: found.prometheus.holds("fdt_answers_total{route=~'.*csv'}"), found.told)
        yield Played(found, plan)


def _look_up(running: System, plan: Plan) -> None:
    """Answers of every kind."""
    request, device = next(iter(plan.expected))
    with service_centre(running.folder, running.read_side_port) as api:
        until(lambda: api.get(f"/v1/devices/{device}").is_success, running.told)
        assert api.get(f"/v1/service-requests/{request}.csv").is_success
        assert api.get(f"/v1/devices/{device}/service-requests/{request}").is_success
        assert api.get("/v1/devices/nothing").status_code == 400
        assert api.get("/v1/devices/00-DB-12-34-56-78-9F-FF").status_code == 404
    back = httpx.get(f"{running.read_side}/sign-in/callback", params={"state": "of nobody"})
    assert back.status_code == 400


def _named(metrics: tuple[Metric, ...]) -> dict[str, tuple[str, str]]:
    everything = {*metrics, *of_the_machine()}
    return {metric.name: (metric.kind, metric.text) for metric in everything}


def test_what_is_exported_is_what_is_documented(played: Played) -> None:
    """Each metric with its type and help, and every one of them, from the first scrape on."""
    for address, text in played.running.exposed().items():
        found = {
            f"{each.name}_total" if each.type == "counter" else each.name: (
                each.type,
                each.documentation,
            )
            for each in text_string_to_metric_families(text)
        }
        is_worker = address != played.running.read_side
        assert found == _named(worker.METRICS if is_worker else read_side.METRICS), address


def test_names_are_as_prometheus_wants_them(played: Played) -> None:
    """By its own check: base units, ``_total`` for counters and for nothing else, help."""
    for text in played.running.exposed().values():
        checked = subprocess.run(
            [program("promtool"), "check", "metrics"], input=text, capture_output=True, text=True
        )
        assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
    for metric in (*worker.METRICS, *read_side.METRICS, *stages.METRICS):
        assert re.fullmatch(r"fdt_[a-z]+(_[a-z]+)*", metric.name), metric.name
        assert metric.name.endswith("_total") == (metric.kind == "counter"), metric.name
        assert metric.text.endswith("."), metric.name


def test_no_label_is_an_identifier_and_there_are_few_values(played: Played) -> None:
    """Of devices, requests, people or events; and as many series as there are kinds of things."""
    held = {name for pair in played.plan.expected for name in pair}
    values: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for address, family in played.families():
        assert len(family.samples) <= MOST_SERIES, family.name
        metric = queries.exported(f"{family.name}_total") or queries.exported(family.name)
        assert metric is not None, family.name
        for sample in family.samples:
            assert {*sample.labels} <= {*metric.labels, "le"}, sample
            for label, value in sample.labels.items():
                values[address, family.name, label].add(value)
    for where, found in values.items():
        assert len(found) <= MOST_VALUES, where
        assert not found & held, where
        for value in found:
            assert not IDENTIFIER.search(value), (where, value)


def test_everything_that_runs_is_scraped(played: Played) -> None:
    """Each worker on a port of its own, and the read side."""
    scraped = played.running.prometheus.query("up == 1")
    assert sorted(each["metric"]["job"] for each in scraped) == [
        "fdt-read-side",
        "fdt-worker",
        "fdt-worker",
    ]
    owned = played.running.prometheus.query("sum(fdt_owned_partitions)")
    assert owned[0]["value"][1] == "4"


def test_every_query_has_an_answer(played: Played) -> None:
    """Of the dashboard a series, of each alert the metrics that it looks at; and none fires."""
    ask = played.running.prometheus
    silent = [each for each in queries.of_dashboard() if not ask.holds(each.expr)]
    assert silent == []
    for alert in queries.of_alerts():
        ask.query(alert.expr)
        assert [series for series in alert.metrics if not ask.holds(series)] == [], alert
    passing = {"FdtRulesPlain", "FdtRebalancing", "FdtDeadLetters"}
    until(lambda: ask.firing() <= passing, ask.firing)


def test_the_numbers_are_the_campaigns(played: Played) -> None:
    """What was published is read, refused by reason, and held."""
    ask = played.running.prometheus
    bad, published = len(played.plan.malformed), len(played.plan.publications)
    assert bad > 0
    read = "sum(fdt_source_records_total{outcome='%s'})"
    ask.until_value("sum(fdt_dead_letters_total)", bad)
    ask.until_value(read % "read", published)
    ask.until_value(read % "dead_lettered", bad)
    ask.until_value("sum(fdt_source_lag_records)", 0)
    ask.until_value("sum(fdt_batch_records_sum)", published)
    ask.until_value("sum(fdt_sign_ins_total{outcome='refused'})", 1)
    folds, transactions = "sum(fdt_fold_seconds_count)", "sum(fdt_transaction_seconds_count)"
    assert ask.holds(f"{transactions} >= {folds} > 0")
    assert ask.holds("fdt_oldest_in_progress_age_seconds > 0")
    assert ask.holds("sum(fdt_rows) > 0")
