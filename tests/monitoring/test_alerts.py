"""The alerts: each fires at its fault and not at what is nearly one, and each has a runbook."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.monitoring import faults, queries, tools
from tests.monitoring.queries import Query

RUNBOOKS = (tools.ROOT / "docs" / "how-to" / "alerts.md").read_text("utf-8")
QUERIES = [*queries.of_alerts(), *queries.of_dashboard()]
SCRIPT = Path(__file__).with_name("install.sh")


@pytest.fixture(autouse=True)
def _programs() -> None:
    """Missing ones fail the test, and it is said what to do; never skipped."""
    try:
        tools.program("promtool")
    except tools.Missing as missing:
        pytest.fail(str(missing), pytrace=False)


def test_every_alert_has_a_fault() -> None:
    """And every fault is of an alert that there is."""
    named = {rule["alert"] for rule in tools.rules()}
    assert {fault.alert for fault in faults.FAULTS} == named
    assert all(fault.series != fault.near for fault in faults.FAULTS)


def test_each_alert_fires_at_its_fault_and_at_nothing_else(tmp_path: Path) -> None:
    """In a system in which all else is well; and none fires where nothing is wrong."""
    played = tools.play(faults.tests(), tmp_path)
    assert played.returncode == 0, played.stdout + played.stderr


def test_an_alert_that_does_not_fire_is_noticed(tmp_path: Path) -> None:
    """The test of the test: a fault that is none."""
    silent = faults.tests()[:1]
    silent[0]["promql_expr_test"][0]["exp_samples"] = [
        {"labels": '{alertname="FdtNoWorker"}', "value": 1}
    ]
    played = tools.play(silent, tmp_path)
    assert played.returncode == 1
    assert "FdtNoWorker" in played.stdout + played.stderr


def test_the_rules_and_the_scraping_are_sound() -> None:
    """By Prometheus' own check, templates included."""
    for words in (("rules", tools.RULES), ("config", tools.MONITORING / "prometheus.yml")):
        checked = tools.promtool("check", *map(str, words))
        assert checked.returncode == 0, checked.stderr


def test_every_alert_says_how_bad_it_is_and_has_a_runbook() -> None:
    """A section under its own name that says what it means, what to do, and when it is over."""
    sections = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", RUNBOOKS, re.DOTALL | re.MULTILINE))
    assert set(sections) == {rule["alert"] for rule in tools.rules()}
    for rule in tools.rules():
        told, name = rule["annotations"], rule["alert"]
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        assert told["summary"].endswith(".")
        assert told["runbook_url"] == f"docs/how-to/alerts.md#{name.lower()}"
        for word in ("* Look", "* Over: "):
            assert word in sections[name], name


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.where)
def test_a_query_asks_for_what_is_exported(query: Query) -> None:
    """Metrics and labels that a worker or a read side has."""
    assert query.metrics, query
    known = set(queries.SCRAPED)
    for series in query.metrics - {"up"}:
        metric = queries.exported(series)
        assert metric is not None, series
        known |= {*metric.labels, *(("le",) if series.endswith("_bucket") else ())}
    assert query.labels <= known, query


def test_every_query_of_the_dashboard_can_be_parsed(tmp_path: Path) -> None:
    """By Prometheus, as rules that record them."""
    asked = [
        {"record": f"query:{number}", "expr": query.expr}
        for number, query in enumerate(queries.of_dashboard())
    ]
    file = tmp_path / "dashboard.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": asked}]}))
    checked = tools.promtool("check", "rules", str(file))
    assert checked.returncode == 0, checked.stderr


def test_what_is_worth_an_alert_is_on_the_dashboard() -> None:
    """Whoever follows an alert sees what it went by."""
    shown = {series for query in queries.of_dashboard() for series in query.metrics}
    unshown = {series for query in queries.of_alerts() for series in query.metrics} - shown
    assert unshown == {"up", "process_start_time_seconds", "process_max_fds"}


def test_a_missing_program_is_a_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Never a test that is left out: it is said how to come by it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("PROMTOOL", raising=False)
    monkeypatch.setattr(tools, "ENVIRONMENT", tmp_path)
    with pytest.raises(tools.Missing, match="make prometheus"):
        tools.program("promtool")


def test_where_it_cannot_be_fetched_it_is_said_what_to_do(tmp_path: Path) -> None:
    """The set-up goes on: everything else works without."""
    found = shutil.which("id")
    assert found is not None
    (tmp_path / "id").symlink_to(found)
    said = subprocess.run(
        ["/bin/sh", str(SCRIPT), str(tmp_path)],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    ).stderr
    assert "PROMTOOL and PROMETHEUS" in said
