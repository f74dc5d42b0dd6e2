"""Bounded forms of every scenario that one broker can play, within minutes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fdt.brokers.finding import Broker, LocalKafka
from sources.planning.plan import Plan, build_plan
from tests.chaos import scenarios as play
from tests.chaos.stage import Stage


@pytest.fixture(scope="module")
def plan() -> Plan:
    """Every kind of journey, over 10,000 events."""
    return build_plan(seed=7, requests=5, devices=2_000)


@pytest.fixture
def stage(fresh_topics: str, tmp_path: Path, plan: Plan) -> Iterator[Stage]:
    """Clean topics; whatever was started ends with the test."""
    set_up = Stage(fresh_topics, tmp_path, plan, environment={"FDT_SESSION_TIMEOUT": "6"})
    yield set_up
    set_up.close()


def test_killed_twice_and_its_disk_harmed_each_way(stage: Stage) -> None:
    """SIGKILL under load, then a flipped byte of a log, of a table, a missing CURRENT, a folder
    that is gone: the table is the plan's."""
    play.damaged(stage, play.log_byte, play.table_byte, play.no_current, play.folder_gone)
    assert stage.said("set aside as partition-")


def test_a_zombie_does_not_write_over_its_successor(stage: Stage) -> None:
    """SIGSTOP past the session, then SIGCONT."""
    play.stopped_past_its_session(stage)


@pytest.mark.parametrize("scenario", [play.status_emptied, play.offsets_reset])
def test_the_log_or_the_groups_offsets_are_lost(
    stage: Stage, scenario: Callable[[Stage], None]
) -> None:
    """Neither loses or doubles anything."""
    scenario(stage)


def test_a_full_disk_stops_the_worker_before_anything_is_committed(stage: Stage) -> None:
    """And it goes on when there is room."""
    play.disk_full(stage)


def test_a_broker_that_is_killed_is_waited_for(stage: Stage, broker: Broker) -> None:
    """Ten seconds, under load."""
    if not isinstance(broker, LocalKafka):
        pytest.fail("This test kills its broker: run it without KAFKA_BOOTSTRAP_SERVERS.")
    play.broker_away(stage, broker, 5, kill=True)
