"""``fdt audit`` on a real broker: the newest first, filtered, as a table and as CSV."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fdt.cli import build_app
from query_api.audit.entry import Action, Outcome, entry_of, wall_ms
from query_api.audit.spool import Spool
from query_api.identity.access import Caller, Role
from tests.query_api.world import ALPHA
from tests.support.audit import spool_publisher

NOW = wall_ms()
ALICE = Caller("alice", frozenset([ALPHA]), frozenset([Role.SUPPLIER]))
CHRIS = Caller("chris", frozenset(), frozenset([Role.SERVICE_CENTRE]))


@pytest.fixture
def published(fresh_topics: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two entries in the topic."""
    spool = Spool(tmp_path, 100_000)
    spool.append(entry_of(ALICE, Action.SEARCH, "=A1", Outcome.EMPTY, now_ms=lambda: NOW - 1))
    spool.append(entry_of(CHRIS, Action.RESET, "device", Outcome.ACCEPTED, 1, lambda: NOW))
    publisher = spool_publisher(spool, fresh_topics)
    publisher.start()
    publisher.stop()
    assert spool.size == 0
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", fresh_topics)


def asked(*options: str) -> list[dict[str, str]]:
    """The rows of ``fdt audit --csv``."""
    app = build_app(lambda name: name == "audit")
    result = CliRunner().invoke(app, ["audit", "--csv", *options])
    assert result.exit_code == 0, result.output
    return list(csv.DictReader(io.StringIO(result.stdout)))


def test_the_audit_is_printed(published: None) -> None:
    """Newest first; filtered; with nothing that a spreadsheet would run."""
    rows = asked()
    assert [row["User"] for row in rows] == ["chris", f"alice {ALPHA}"]
    assert rows[1]["Asked for"] == "'=A1"
    assert [row["Action"] for row in asked("--action", "reset")] == ["reset"]
    assert asked("--user", "bob") == []
    assert len(asked("--limit", "1")) == 1
    app = build_app(lambda name: name == "audit")
    assert "accepted" in CliRunner().invoke(app, ["audit"]).output
