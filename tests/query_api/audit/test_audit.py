"""The audit trail: everything leaves a trace, on disk while the broker is away."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from query_api.audit.entry import Action, AuditEntry, Outcome, entry_of
from query_api.audit.reading import KafkaAuditLog, LogUnavailable, Question
from query_api.audit.spool import Spool, SpoolFull, entries
from query_api.identity.access import Caller, Role
from schemas.codec import Codec
from schemas.registry import FileRegistry
from tests.query_api.world import (
    ALPHA,
    BETA,
    World,
    accepted,
    device_id,
    live_address,
    request_id,
)
from tests.support.audit import spool_publisher

R1 = request_id(1)
D1 = device_id(1)
ALICE = Caller("alice", frozenset([ALPHA]), frozenset([Role.SUPPLIER]))


def made(number: int = 0) -> AuditEntry:
    """An entry."""
    return entry_of(ALICE, Action.SEARCH, f"device {number}", Outcome.FOUND, number)


def until(holds: Callable[[], bool]) -> None:
    """Wait for what must come about within seconds."""
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def traces(world: World) -> list[tuple[str, str | None, str, int]]:
    """What was written down, in order."""
    return [(e.action, e.criterion, e.outcome, e.rows) for e in world.trail.entries]


@pytest.fixture
def world() -> World:
    """Own and foreign."""
    found = World()
    found.put({D1: [accepted(R1)], device_id(2): [accepted(request_id(2, BETA))]})
    return found


def test_every_look_up_leaves_a_trace(world: World) -> None:
    """Who, in which organisation and role, what, with what outcome, how many rows."""
    client = world.supplier()
    client.get(f"/v1/service-requests/{R1}")
    client.get(f"/v1/devices/{D1}")
    client.get(f"/v1/devices/{D1}/service-requests/{R1}")
    client.get(f"/v1/service-requests/{R1}.csv")
    client.get(f"/v1/devices/{device_id(9)}")
    client.get(f"/v1/service-requests/{request_id(2, BETA)}")
    world.client().get(f"/v1/devices/{D1}")
    assert traces(world) == [
        ("search", R1, "found", 1),
        ("search", D1, "found", 1),
        ("view", f"{D1} {R1}", "found", 1),
        ("download", R1, "found", 1),
        ("search", device_id(9), "empty", 0),
        ("search", request_id(2, BETA), "refused", 0),
        ("view", None, "refused", 0),
    ]
    first = world.trail.entries[0]
    assert (first.user, first.user_ids, first.roles) == ("alice", [ALPHA], ["supplier"])


def test_a_refresh_is_no_new_look_up(world: World) -> None:
    """Only of what this session was shown: asking like a refresh does not hide a look-up."""
    browser = world.supplier_browser()
    asks_itself = {"HX-Request": "true"}
    address = browser.item(D1, R1)
    live = live_address(browser.get(address, headers=asks_itself).text)
    browser.get(live, headers=asks_itself)
    browser.get(browser.device(D1), headers=asks_itself)
    of_the_item = live.partition("?")[2]
    browser.get(f"{browser.device(D1)}?{of_the_item}", headers=asks_itself)
    assert [action for action, *_ in traces(world)] == ["view", "search", "search"]


def test_the_auditor_reads_the_log_and_that_is_written_down(world: World) -> None:
    """Filtered by action, outcome and user."""
    world.supplier().get(f"/v1/devices/{D1}")
    world.supplier().get(f"/v1/devices/{device_id(9)}")
    browser = world.browser(Role.AUDITOR, subject="ada")
    assert D1 in browser.get("/access-log").text
    empty = {"hours": "24", "action": "", "outcome": "empty", "user": "alice"}
    answer = browser.post("/access-log", empty)
    assert device_id(9) in answer.text
    assert D1 not in answer.text
    assert browser.post("/access-log", {"hours": "999"}).status_code == 422
    assert traces(world)[-1][:2] == ("read-log", "access log")


def test_nothing_is_answered_that_cannot_be_written_down(world: World, tmp_path: Path) -> None:
    """503 with when to try again, for programs and on pages; nothing of the answer is in it."""
    full = Spool(tmp_path, max_bytes=10)
    world.trail.append = full.append  # type: ignore[method-assign]
    answer = world.supplier().get(f"/v1/devices/{D1}")
    assert answer.status_code == 503
    assert answer.json()["type"].endswith("audit-full")
    assert answer.headers["retry-after"] == "60"
    assert D1 not in answer.text
    browser = world.supplier_browser()
    assert browser.get(browser.device(D1)).status_code == 503
    full.close()


def test_the_spool_keeps_entries_in_order_over_a_crash(tmp_path: Path) -> None:
    """A line that was cut off is left out; the rest is there at the next start."""
    spool = Spool(tmp_path, 10_000)
    for number in range(3):
        spool.append(made(number))
    with (tmp_path / "open.jsonl").open("ab") as file:
        file.write(b'{"event_id": "cut o')
    spool.close()
    again = Spool(tmp_path, 10_000)
    again.append(made(3))
    (path,) = again.closed()
    found = entries(path)
    assert [entry.rows for entry in found] == [0, 1, 2, 3]
    again.delete(path)
    assert again.size == 0
    assert again.closed() == []
    again.close()


def test_the_spool_has_an_end(tmp_path: Path) -> None:
    """And room again once the broker has taken a file."""
    spool = Spool(tmp_path, 1000)
    while spool.size < 800:
        spool.append(made())
    with pytest.raises(SpoolFull, match="wait for the broker"):
        spool.append(entry_of(ALICE, Action.SEARCH, "x" * 300, Outcome.FOUND))
    (path,) = spool.closed()
    spool.delete(path)
    spool.append(made())
    spool.close()


def test_the_schema_tells_every_word_of_an_entry() -> None:
    """Who reads the topic has the schema only."""
    registry = FileRegistry()
    schema = registry.schema_of(registry.id_of("AuditEntry"))
    told = {field["name"]: field.get("doc") for field in schema["fields"]}
    assert told["action"] == f"{', '.join(Action)}."
    assert told["outcome"] == f"{', '.join(Outcome)}."


def test_entries_reach_the_topic_and_are_read_back(fresh_topics: str, tmp_path: Path) -> None:
    """What was spooled before a crash too; the newest first, the filters applied."""
    left = Spool(tmp_path, 100_000)
    left.append(made(1))
    left.close()
    spool = Spool(tmp_path, 100_000)
    publisher = spool_publisher(spool, fresh_topics)
    publisher.start()
    spool.append(made(2))
    log = KafkaAuditLog(fresh_topics, Codec())
    question = Question(since_ms=made().occurred_at - 60_000)
    until(lambda: len(log.newest(question)) == 2)
    assert [entry.rows for entry in log.newest(question)] == [2, 1]
    assert log.newest(Question(question.since_ms, user="bob")) == []
    assert log.newest(Question(made().occurred_at + 60_000)) == []
    publisher.stop()
    assert list(tmp_path.glob("closed-*")) == []


def test_a_broker_that_is_away_keeps_entries_on_disk(tmp_path: Path) -> None:
    """Nothing is lost, and reading says why it cannot be read."""
    spool = Spool(tmp_path, 100_000)
    spool.append(made(1))
    publisher = spool_publisher(spool, "127.0.0.1:1", timeout_s=1.0)
    publisher.start()
    publisher.stop()
    (path,) = tmp_path.glob("closed-*")
    assert [entry.rows for entry in entries(path)] == [1]
    with pytest.raises(LogUnavailable, match=r"127\.0\.0\.1:1 does not answer"):
        KafkaAuditLog("127.0.0.1:1", Codec()).newest(Question(0))
