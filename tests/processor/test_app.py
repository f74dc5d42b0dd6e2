"""The application: what of Faust is not used, and how an end in order that stalls is cut short."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from processor.app import ProcessorApp, build
from processor.config import ProcessorConfig
from processor.topics import KafkaTopics

END_STALLED = """
import logging, sys
from types import SimpleNamespace
from processor import app
logging.basicConfig(stream=sys.stderr)
if "again" in sys.argv:
    print("began again")
else:
    sys.orig_argv.append("again")
    app._end_stalled(SimpleNamespace(begin_again=%s), "it was told to end")
"""


@pytest.fixture
def app(tmp_path: Path) -> ProcessorApp:
    """The application, not connected to anything."""
    hour = timedelta(hours=1)
    config = ProcessorConfig(
        bootstrap="127.0.0.1:9092",
        group_id="unused",
        worker="w",
        folder=tmp_path,
        partitions=4,
        device_types=frozenset({"ESME"}),
        clock_skew_past=hour,
        session_timeout=hour,
        commit_interval=hour,
        idle_control_interval=hour,
        stall_timeout=hour,
        max_batch_records=10,
        store_memory_mb=8,
        least_free_mb=0,
        timeline_cap=200,
        retention=timedelta(days=30),
    )
    return build(config, KafkaTopics(config.bootstrap), lambda: None)


def test_it_serves_no_web_pages(app: ProcessorApp) -> None:
    """Its table pages would show every tenant's rows."""
    assert not app.conf.web_enabled
    assert not app.tables


def test_it_keeps_no_acknowledgements(app: ProcessorApp) -> None:
    """It would keep an offset of each batch, for ever: no commit is made from them."""
    (agent,) = app.agents.values()
    assert not agent.channel.acks


@pytest.mark.parametrize(
    ("again", "code", "printed"), [(True, 0, "began again\n"), (False, 70, "")]
)
def test_a_stalled_end_begins_again_only_for_credentials(
    again: bool, code: int, printed: str
) -> None:
    """As the same process; whoever supervises it sees no end."""
    found = subprocess.run(
        [sys.executable, "-c", END_STALLED % again], capture_output=True, text=True, timeout=60
    )
    assert (found.returncode, found.stdout) == (code, printed), found.stderr
    assert "it was told to end" in found.stderr
