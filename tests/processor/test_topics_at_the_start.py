"""A worker looks at the topics before it folds anything: what it relies on, it insists on."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from schemas.topics import DSP_EVENTS, STATUS
from tests.chaos.workers import PARTITIONS
from tests.support.processes import worker
from tests.support.topics import set_config, table


@pytest.mark.parametrize(
    ("topic", "setting", "value"),
    [
        (STATUS, "cleanup.policy", "delete"),
        (DSP_EVENTS, "message.timestamp.type", "CreateTime"),
    ],
)
def test_a_topic_that_would_lose_data_is_refused(
    fresh_topics: str, tmp_path: Path, topic: str, setting: str, value: str
) -> None:
    """One sentence says which, how it is, how it should be, and who can mend it."""
    set_config(fresh_topics, topic, setting, value)
    ended = subprocess.run(
        [sys.executable, "-m", "fdt", "process"],
        env={
            **os.environ,
            "KAFKA_BOOTSTRAP_SERVERS": fresh_topics,
            "FDT_DATA_DIR": str(tmp_path),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    assert f"{topic}: {setting} is {value}, should be " in ended.stderr
    assert "set it with the broker's own tools" in ended.stderr
    assert not any(tmp_path.iterdir())


def test_any_other_difference_is_told_and_worked_with(fresh_topics: str, tmp_path: Path) -> None:
    """How long tombstones live is asked of the broker, so no setting of ours is believed."""
    set_config(fresh_topics, STATUS, "delete.retention.ms", "5000")
    with worker(fresh_topics, tmp_path, FDT_IDLE_CONTROL_INTERVAL="PT1S"):
        deadline = time.monotonic() + 60
        while len(table(fresh_topics).controls) < PARTITIONS:
            assert time.monotonic() < deadline
            time.sleep(0.2)
    assert "delete.retention.ms is 5000, should be 86400000" in (tmp_path / "log").read_text()
