"""The full forms: ``make chaos``. Every figure that a scenario prints stands in
docs/reliability.md."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from fdt.brokers.finding import LocalKafka
from fdt.kafka.topics import create_missing, specs_of
from fdt.settings import Settings
from sources.planning.plan import build_plan
from tests.chaos import forgetting
from tests.chaos import scenarios as play
from tests.chaos.cluster import Cluster
from tests.chaos.month import RETENTION_S, Month
from tests.chaos.stage import Stage, pauses
from tests.support.topics import create_anew

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1_800)]

TWO_MINUTES = 120.0


@pytest.fixture
def kafka(tmp_path: Path) -> Iterator[LocalKafka]:
    """A broker that a scenario may kill."""
    broker = LocalKafka(tmp_path / "kafka", extra={"log.cleaner.backoff.ms": "500"})
    with broker:
        create_anew(broker.bootstrap_servers)
        yield broker


def stage_on(bootstrap: str, folder: Path, devices: int) -> Stage:
    """About five events for each device, at 2,000 a second."""
    return Stage(bootstrap, folder, build_plan(seed=7, requests=5, devices=devices))


def told(name: str, stage: Stage, began: float) -> None:
    """A line for the table of results."""
    longest = max(pauses(stage.bootstrap, 0).values())
    print(
        f"\n{name}: {len(stage.events):,} events at {stage.all_published():,.0f}/s, "
        f"{time.monotonic() - began:.0f} s, longest pause of a partition {longest:.1f} s, "
        f"load {os.getloadavg()[0]:.1f}"
    )


SCENARIOS: dict[str, tuple[int, Callable[[Stage, LocalKafka], None]]] = {
    "a: 30 x SIGKILL": (70_000, lambda stage, _: play.killed_again_and_again(stage, 30)),
    "b: SIGSTOP past the session": (15_000, lambda stage, _: play.stopped_past_its_session(stage)),
    "c: broker stopped for two minutes": (
        60_000,
        lambda stage, kafka: play.broker_away(stage, kafka, TWO_MINUTES, kill=False),
    ),
    "c: broker killed for two minutes": (
        60_000,
        lambda stage, kafka: play.broker_away(stage, kafka, TWO_MINUTES, kill=True),
    ),
    "c: broker down at the start": (4_000, play.broker_away_at_the_start),
    "e: workers 1, 3, 1": (20_000, lambda stage, _: play.out_and_in(stage)),
    "f: no room on the disk": (8_000, lambda stage, _: play.disk_full(stage)),
    "g: bytes flipped, files gone": (
        20_000,
        lambda stage, _: play.damaged(
            stage,
            play.log_byte,
            play.table_byte,
            play.no_current,
            play.stale_lock,
            play.folder_gone,
        ),
    ),
    "h: status topic emptied": (8_000, lambda stage, _: play.status_emptied(stage)),
    "h: status topic anew": (8_000, lambda stage, _: play.status_anew(stage)),
    "i: group offsets reset": (8_000, lambda stage, _: play.offsets_reset(stage)),
    "i: everything replayed": (8_000, lambda stage, _: play.replayed(stage)),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_on_one_node(name: str, kafka: LocalKafka, tmp_path: Path) -> None:
    """Table = plan, nothing lost, nothing doubled, no row went back."""
    devices, scenario = SCENARIOS[name]
    stage = stage_on(kafka.bootstrap_servers, tmp_path, devices)
    began = time.monotonic()
    try:
        scenario(stage, kafka)
        told(name, stage, began)
    finally:
        stage.close()


def test_one_of_two_workers_is_killed(kafka: LocalKafka, tmp_path: Path) -> None:
    """What it had in hand is read again, and nothing else; the pause is told beside the session."""
    stage = stage_on(kafka.bootstrap_servers, tmp_path, 15_000)
    try:
        pause, in_hand = play.one_of_two_killed(stage)
    finally:
        stage.close()
    session = Settings().session_timeout.total_seconds()
    print(
        f"\none of two killed: pause {pause:.1f} s with a session of {session:.0f} s, "
        f"{in_hand} events read again, load {os.getloadavg()[0]:.1f}"
    )
    assert in_hand <= 2 * Settings().max_batch_records


def test_on_three_nodes_that_lose_their_leader(tmp_path: Path) -> None:
    """Replication 3, min.insync.replicas 2: the worker outlives it."""
    cluster = Cluster(tmp_path / "kafka")
    cluster.start()
    try:
        create_missing(cluster.bootstrap_servers, specs_of(Settings(replication=3)))
        stage = stage_on(cluster.bootstrap_servers, tmp_path, 15_000)
        began = time.monotonic()
        try:
            play.leader_lost(stage, cluster)
            told("d: leader lost, twice", stage, began)
        finally:
            stage.close()
    finally:
        cluster.stop()


def test_a_month_is_forgotten(kafka: LocalKafka, tmp_path: Path) -> None:
    """Retention of twenty seconds: nothing due is served or comes back, nothing else is gone."""
    create_anew(kafka.bootstrap_servers, Settings(retention=timedelta(seconds=RETENTION_S)))
    month, began = Month(kafka.bootstrap_servers, tmp_path), time.monotonic()
    try:
        month.begin()
        for act in (
            forgetting.restarted_on_day_29,
            forgetting.killed_in_a_sweep,
            forgetting.rebalanced_in_a_sweep,
            forgetting.old_disks_come_back,
            forgetting.empty_disks,
            forgetting.all_forgotten,
        ):
            act(month)
            print(f"\n{act.__name__}: after {time.monotonic() - began:.0f} s", end="")
        print(
            f"\nforgetting: {len(month.received):,} devices, the API asked {month.asked} times, "
            f"load {os.getloadavg()[0]:.1f}"
        )
    finally:
        month.close()


def test_a_small_disk_fills_up(kafka: LocalKafka, tmp_path: Path) -> None:
    """A tmpfs of 200 MiB under the data folder fills with somebody else's bytes while events flow:
    whatever error RocksDB meets, nothing is lost; freed, it goes on."""
    disk = tmp_path / "small"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", str(disk)], check=True)
    try:
        stage = stage_on(kafka.bootstrap_servers, disk, 8_000)
        began = time.monotonic()
        try:
            play.disk_filled(stage, disk)
            told("f: tmpfs full, then freed", stage, began)
        finally:
            stage.close()
    finally:
        subprocess.run(["umount", str(disk)], check=True)
