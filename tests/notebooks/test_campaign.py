"""The notebook over a small export: its tables against the plan, which no rule of ours computed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from fdt.brokers.finding import Broker
from firmware_tracking import read_export
from notebooks import page, plots
from notebooks.campaign import app
from notebooks.plots import Rows
from projections.catalogue import load_catalogue
from projections.lifecycle import STAGE_NAMES, Completion
from projections.lifecycle import Status as LifecycleStatus
from sources.planning.events import PlannedEvent
from sources.planning.plan import Plan, build_plan
from sources.planning.vocabulary import HOUR_MS
from tests.house import ROOT
from tests.support.plans import publish
from tests.support.processes import worker
from tests.support.terminal import called
from tests.support.topics import create_anew, wait_until_read

PARTITIONS = 4
STUCK_HOURS = 12.0


@dataclass(frozen=True)
class World:
    """A campaign, its export, and what the notebook made of that."""

    plan: Plan
    base_ms: int
    folder: Path
    defs: Mapping[str, Any]

    def rows(self, name: str) -> list[dict[str, Any]]:
        """One of the notebook's tables."""
        rows: list[dict[str, Any]] = self.defs["tables"][name].to_pylist()
        return rows


@pytest.fixture(scope="module")
def world(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> World:
    """Every kind of journey, malformed records and copies."""
    address, folder = broker.bootstrap_servers, tmp_path_factory.mktemp("notebook")
    create_anew(address)
    plan = build_plan(seed=17, requests=4, devices=400)
    schedule = publish(plan, address, PARTITIONS)
    with worker(address, folder):
        wait_until_read(address, len(plan.publications))
    export = folder / "export"
    ended = called("export", str(export), KAFKA_BOOTSTRAP_SERVERS=address)
    assert ended.code == 0, ended.err
    _, defs = app.run(defs={"folder": str(export), "stuck_hours": STUCK_HOURS})
    return World(plan, schedule.base_ms, export, defs)


def test_failures_are_those_that_the_plan_expects(world: World) -> None:
    """By status and native code, over all weeks."""
    expected: Counter[tuple[str, str]] = Counter()
    for end in world.plan.expected.values():
        if end.completion == "Failed":
            result = "" if end.result_code is None else f"/{end.result_code}"
            expected[end.status, f"{end.code or 'RESET'}{result}".upper()] += 1
    found: Counter[tuple[str, str]] = Counter()
    for row in world.rows("failures"):
        found[row["status"], row["reason_code"]] += row["items"]
        assert row["week"].weekday() == 0
    assert found == expected
    assert len(found) > 15
    (reset, *_) = [row for row in world.rows("failures") if row["reason_code"] == "RESET"]
    assert "incident" not in reset["reason"]


def test_what_is_in_progress_and_stuck_is_what_the_plan_expects(world: World) -> None:
    """By status and device type; stuck by the time of the evidence before the newest record."""
    received = read_export(world.folder).events.to_table(columns=["received_at"])["received_at"]
    now = max(time.timestamp() * 1000 for time in received.to_pylist())
    waiting: Counter[tuple[str, str]] = Counter()
    stuck: Counter[tuple[str, str]] = Counter()
    for end in world.plan.expected.values():
        if end.completion == "In Progress" and end.updated_at_ms is not None:
            waiting[end.status, end.device_type] += 1
            age = now - world.base_ms - end.updated_at_ms
            stuck[end.status, end.device_type] += age > STUCK_HOURS * HOUR_MS
    clocks = [end for end in world.plan.expected.values() if end.updated_at_ms is None]
    waiting.update((e.status, e.device_type) for e in clocks if e.completion == "In Progress")
    found: Counter[tuple[str, str]] = Counter()
    found_stuck: Counter[tuple[str, str]] = Counter()
    for row in world.rows("stuck"):
        found[row["status"], row["device_type"]] += row["items"]
        found_stuck[row["status"], row["device_type"]] += row["stuck"]
    assert found == waiting
    assert +found_stuck == +stuck
    assert 0 < found_stuck.total() < found.total()


def test_copies_and_late_reports_are_those_of_the_plan(world: World) -> None:
    """A copy is what was published before; late is what a journey's author called so."""
    plan = world.plan
    records = Counter(_source(each.content.source.topic) for each in plan.publications)
    copies = Counter(
        _source(each.content.source.topic) for each in plan.publications if each.is_copy
    )
    sources = {event.event_id: _source(event.source.topic) for event in plan.events}
    late = Counter(
        sources[event_id]
        for end in plan.expected.values()
        for event_id, marks in end.timeline
        if "late" in marks
    )
    reports = Counter(
        sources[event_id] for end in plan.expected.values() for event_id, _ in end.timeline
    )
    rows = {row["source"]: row for row in world.rows("sources")}
    for name, expected in (("records", records), ("late", late), ("reports", reports)):
        assert {each: row[name] for each, row in rows.items() if row[name]} == expected, name
    assert {each: row["copies"] for each, row in rows.items() if row["copies"]} == copies
    assert late.total() > 5 < copies.total()
    assert sum(row["refused"] for row in rows.values()) == len(plan.malformed)
    assert all(row["late"] <= row["reports"] >= row["overtaken"] for row in rows.values())


def test_time_in_each_stage_is_counted_from_the_plan(world: World) -> None:
    """Items and median, by stage, type and region, from the planned events themselves."""
    plan = world.plan
    events = {event.event_id: event for event in plan.events}
    devices = {device.device_id: device for device in plan.devices}
    hours: dict[tuple[str, str, str], list[float]] = {}
    for (_, device_id), end in plan.expected.items():
        reached: dict[int, int] = {}
        for event_id, marks in end.timeline:
            stage = _stage(events[event_id])
            if stage is not None and not marks & {"late", "after-reset", "clock-skew"}:
                at = events[event_id].occurred_ms
                reached[stage] = min(at, reached.get(stage, at))
        for stage in reached.keys() & {each + 1 for each in reached}:
            spent = (reached[stage] - reached[stage - 1]) / HOUR_MS
            device = devices[device_id]
            key = (STAGE_NAMES[stage], device.device_type, device.csp_region)
            if spent >= 0:
                hours.setdefault(key, []).append(spent)
    rows = {
        (row["stage"].partition("  ")[2], row["device_type"], row["csp_region"]): row
        for row in world.rows("stages")
    }
    assert rows.keys() == hours.keys()
    assert len(rows) == 4 * 2 * 3
    for key, row in rows.items():
        assert row["items"] == len(hours[key]), key
        assert row["median_hours"] == pytest.approx(median(hours[key])), key
        assert row["tenth_hours"] <= row["median_hours"] <= row["ninetieth_hours"]


def _source(topic: str) -> str:
    return topic.removeprefix("firmware.").removesuffix(".v1")


CATALOGUE = load_catalogue()


def _stage(event: PlannedEvent) -> int | None:
    """The stage that went well, by the catalogue; an event of something else has none."""
    if event.code is None:
        return None
    message = event.fields.get("message_code")
    told = None if message is None else str(message).strip().upper()
    meaning = CATALOGUE.meaning(event.source, event.code.upper(), event.result_code, told)
    if not meaning.status or LifecycleStatus(meaning.status).completion is Completion.FAILED:
        return None
    return LifecycleStatus(meaning.status).row.stage


def test_it_is_a_script_that_makes_the_plots(world: World, tmp_path: Path) -> None:
    """With its tables on the terminal; text in the plots stays text."""
    ended = subprocess.run(
        [
            *(sys.executable, "notebooks/campaign.py", "--export", str(world.folder)),
            *("--stuck-hours", "12", "--plots", str(tmp_path)),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    for name, rows in (("stages", 24), ("sources", 4)):
        lines = ended.stdout.split(f"{name}\n")[1].splitlines()
        assert sum(line.startswith("  \t") for line in lines[:rows]) == rows
    for name in world.defs["tables"]:
        drawn = (tmp_path / f"{name}.svg").read_text("utf-8")
        assert "<text" in drawn
        assert "nan" not in drawn


def test_the_page_has_each_table_and_plot(world: World, tmp_path: Path) -> None:
    """As the command writes it."""
    page.write(tmp_path, world.defs, devices=400, requests=4, seed=17)
    text = (tmp_path / "analysis.md").read_text("utf-8")
    assert "campaign of 400 devices in 4 requests (seed 17)" in " ".join(text.split())
    rows = sum(len(world.rows(name)) for name in world.defs["tables"])
    assert sum(line.startswith("| ") for line in text.splitlines()) == rows + 4
    for name in world.defs["tables"]:
        assert f"](analysis/{name}.svg)" in text
        assert (tmp_path / "analysis" / f"{name}.svg").exists()


def drawn(rows: Mapping[str, Rows], folder: Path) -> dict[str, str]:
    """Every plot, as it is written."""
    figures = {
        "stages": plots.stage_times(rows["stages"]),
        "failures": plots.failures(rows["failures"]),
        "stuck": plots.stuck(rows["stuck"], STUCK_HOURS),
        "sources": plots.sources(rows["sources"]),
    }
    plots.save(figures, folder)
    return {name: (folder / f"{name}.svg").read_text("utf-8") for name in figures}


def test_the_same_numbers_make_the_same_plots(world: World, tmp_path: Path) -> None:
    """To the byte, with the counts as labels."""
    rows = {name: world.rows(name) for name in world.defs["tables"]}
    once, again = (drawn(rows, tmp_path / run) for run in ("one", "two"))
    assert once == again
    for row in rows["sources"]:
        assert f"{row['copies']:,} of {row['records']:,}<" in once["sources"]


def test_nothing_at_all_can_be_drawn(tmp_path: Path) -> None:
    """Of an export in which nothing failed, or of none yet."""
    found = drawn(dict.fromkeys(("stages", "failures", "stuck", "sources"), ()), tmp_path)
    assert "Failures by reason and week" in found["failures"]
    assert all("nan" not in each for each in found.values())


def test_many_weeks_and_reasons_are_cut_and_said(tmp_path: Path) -> None:
    """The latest six weeks; the fifteen commonest reasons, and the sum of the others."""
    rows = [
        {
            "week": date(2026, 1, 5) + timedelta(weeks=week),
            "reason_code": f"E{code}",
            "reason": "Refused",
            "items": 100 - code,
        }
        for week in range(8)
        for code in range(18)
    ]
    text = drawn({"stages": (), "failures": rows, "stuck": (), "sources": ()}, tmp_path)["failures"]
    assert "5 Jan 2026" not in text
    assert "23 Feb 2026" in text
    assert text.count("week of") == 6
    assert "the latest 6 weeks" in text
    assert "3 other reasons" in text
    assert text.count(f">{100 - 15 + 100 - 16 + 100 - 17}<") == 6
