"""Several workers under one command: one data folder each, one partition owned by one of them."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path

from sources.planning.plan import build_plan
from tests.support.plans import differences, publish
from tests.support.processes import worker
from tests.support.topics import table, wait_until_read


def test_two_workers_share_the_partitions_and_one_that_is_killed_comes_back(
    fresh_topics: str, tmp_path: Path
) -> None:
    """``fdt process --workers 2``: killed under supervision, the table is the plan's."""
    plan = build_plan(seed=7, requests=5, devices=1_000)
    log = tmp_path / "log"
    with worker(fresh_topics, tmp_path, "--workers", "2", FDT_SESSION_TIMEOUT="6") as supervisor:
        for number in (0, 1):
            wait_until_said(log, rf"processor {number} .*goes on at")
        schedule = publish(plan, fresh_topics, 4)
        os.kill(children(supervisor.pid)[0], signal.SIGKILL)
        wait_until_said(log, "signal SIGKILL; starting it again")
        found = wait_until_read(fresh_topics, len(plan.publications))
        assert supervisor.poll() is None
    assert differences(found.items(), plan, schedule) == {}
    assert table(fresh_topics).counts["read"] == len(plan.publications)
    assert {path.name for path in tmp_path.glob("worker-*")} == {"worker-0", "worker-1"}


def wait_until_said(log: Path, pattern: str) -> None:
    """Fails when it is not said in time."""
    deadline = time.monotonic() + 60
    while not re.search(pattern, log.read_text()):
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)


def children(process_id: int) -> list[int]:
    """The processes that a process started."""
    listed = Path(f"/proc/{process_id}/task/{process_id}/children").read_text()
    return [int(child) for child in listed.split()]
