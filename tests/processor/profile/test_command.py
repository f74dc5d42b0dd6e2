"""``fdt process --profile`` as a real process on a real broker."""

from __future__ import annotations

import re
import urllib.request
from pathlib import Path

from processor.profile.stages import MEANING
from processor.profile.within import MEANING as STEPS
from sources.planning.plan import build_plan
from tests.support.plans import publish
from tests.support.processes import running
from tests.support.topics import wait_until_read


def test_a_worker_tells_what_an_event_costs(fresh_topics: str, tmp_path: Path) -> None:
    """Every stage in the metrics while it works, and in a table with the fold's steps at its
    end; the rules that ran are named."""
    plan = build_plan(seed=3, requests=2, devices=300)
    publish(plan, fresh_topics, 4)
    log = tmp_path / "processor.log"
    with running(
        *("process", "--profile"),
        log=log,
        KAFKA_BOOTSTRAP_SERVERS=fresh_topics,
        FDT_DATA_DIR=str(tmp_path),
        FDT_MAX_BATCH_RECORDS="40",
    ):
        wait_until_read(fresh_topics, len(plan.publications))
        found = re.search(r"/metrics on (http://\S+)", log.read_text())
        assert found is not None
        with urllib.request.urlopen(f"{found[1]}/metrics", timeout=10) as answer:
            metrics = answer.read().decode()
    for stage in MEANING:
        assert f'fdt_stage_seconds_total{{stage="{stage.replace(" ", "_")}"}}' in metrics
    told = log.read_text()
    assert re.search(r"the rules run (compiled|plain)", told)
    assert f"{len(plan.publications):,} events" in told
    for stage in MEANING:
        assert re.search(rf"^{stage}\t\t\d+\.\d\d\t", told, re.MULTILINE), stage
    for step in STEPS:
        assert re.search(rf"^fold\t{step}\t\d+\.\d\d\t", told, re.MULTILINE), step


def test_a_profile_is_of_one_worker(tmp_path: Path) -> None:
    """Several would each print a table, over one another."""
    log = tmp_path / "log"
    with running(
        *("process", "--profile", "--workers", "2"),
        log=log,
        KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1",
    ) as process:
        assert process.wait(30) == 2
    assert "leave out --workers" in log.read_text()
