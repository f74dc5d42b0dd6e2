"""What is done to the workers, the broker and the disk; each ends with :meth:`Stage.verdict`."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from fdt.brokers.local import LocalKafka
from fdt.kafka.topics import create_missing, specs_of
from fdt.settings import Settings
from schemas.topics import SOURCE_TOPICS, STATUS
from tests.chaos.cluster import Cluster
from tests.chaos.stage import Stage, pauses
from tests.chaos.workers import PARTITIONS
from tests.support.topics import set_config


def killed_again_and_again(stage: Stage, times: int, seed: int = 1) -> None:
    """(a) SIGKILL at random moments while events flow; started again each time."""
    rng = Random(seed)
    stage.start()
    stage.flow()
    for _ in range(times):
        time.sleep(rng.uniform(3, 8))
        stage.kill()
        stage.start()
    stage.all_published()
    stage.verdict()


def stopped_past_its_session(stage: Stage) -> None:
    """(b) SIGSTOP until another worker has everything and writes; then SIGCONT: the zombie's fence
    holds, it ends, and starts again."""
    zombie = stage.start("w0")
    stage.start("w1")
    stage.wait_said("goes on at", "w0")
    stage.wait_said("goes on at", "w1")
    stage.flow()
    stage.wait_read(len(stage.events) // 10)
    zombie.send_signal(signal.SIGSTOP)
    reached = stage.read()
    stage.wait_resumed(PARTITIONS + 1, "w1")
    stage.wait_read(min(reached + 500, len(stage.events)), "w1")
    zombie.send_signal(signal.SIGCONT)
    stage.all_published()
    stage.verdict("w0", "w1")


def one_of_two_killed(stage: Stage) -> tuple[float, int]:
    """SIGKILL of one of two workers: the longest pause of its partitions in seconds, and how many
    events it had in hand, which its successor reads again."""
    stage.start("w0")
    stage.start("w1")
    stage.wait_said("goes on at", "w0")
    stage.wait_said("goes on at", "w1")
    stage.flow()
    stage.wait_read(len(stage.events) // 4)
    killed_ms = round(time.time() * 1000)
    stage.kill("w0")
    in_flight = [
        end - first
        for note in (stage.folder / "w0").glob("*.in-hand")
        if (text := note.read_text())
        for first, end in json.loads(text)["ranges"].values()
    ]
    stage.all_published()
    stage.verdict("w1")
    return max(pauses(stage.bootstrap, killed_ms).values()), sum(in_flight)


def broker_away(stage: Stage, broker: LocalKafka, down_s: float, *, kill: bool) -> None:
    """(c) The broker is stopped or killed under load, and is away for a while."""
    worker = stage.start()
    stage.flow()
    stage.wait_read(len(stage.events) // 10)
    if kill:
        broker.kill()
    else:
        broker.stop()
    time.sleep(down_s)
    assert worker.poll() is None, "a worker waits for its broker"
    broker.start()
    stage.all_published()
    stage.verdict("w0")


def broker_away_at_the_start(stage: Stage, broker: LocalKafka) -> None:
    """(c) A worker that is started while the broker is down waits, and says so."""
    broker.stop()
    worker = stage.start()
    stage.wait_said("waiting for the broker")
    assert worker.poll() is None
    broker.start()
    stage.flow()
    stage.all_published()
    stage.verdict()


def out_and_in(stage: Stage) -> None:
    """(e) 1 worker, then 3, then 1, while events flow."""
    stage.start("w0")
    stage.flow()
    share = len(stage.events) // 5
    stage.wait_read(share)
    stage.start("w1")
    stage.start("w2")
    stage.wait_said("goes on at", "w1")
    stage.wait_said("goes on at", "w2")
    stage.wait_read(2 * share)
    for name in ("w1", "w2"):
        assert stage.stop(name) == 0, stage.log(name).read_text()[-2_000:]
    stage.all_published()
    stage.verdict("w0")


def damaged(stage: Stage, *damages: Callable[[Stage], None]) -> None:
    """(g) The worker is killed and its disk harmed before each start."""
    stage.start()
    stage.flow()
    share = len(stage.events) // (len(damages) + 2)
    for number, damage in enumerate(damages, 1):
        stage.wait_resumed(number * PARTITIONS)
        stage.wait_read(number * share)
        stage.kill()
        damage(stage)
        stage.start()
    stage.all_published()
    stage.verdict()


def table_byte(stage: Stage) -> None:
    """One byte of the largest table file is flipped; a store that was made anew and killed before
    it wrote one has its rows in the log alone, and that is flipped."""
    stores = [stage.store(n) for n in range(PARTITIONS)]
    tables = [path for store in stores for path in store.glob("*.sst")]
    if not tables:
        log_byte(stage)
        return
    _flip(max(tables, key=lambda path: path.stat().st_size), 0.4)


def log_byte(stage: Stage) -> None:
    """One byte of a write-ahead log is flipped."""
    logs = [path for n in range(PARTITIONS) for path in stage.store(n).glob("*.log")]
    _flip(max(logs, key=lambda path: path.stat().st_size), 0.5)


def no_current(stage: Stage) -> None:
    """RocksDB's first file is gone."""
    (stage.store(0) / "CURRENT").unlink()


def stale_lock(stage: Stage) -> None:
    """A lock file that a dead process left."""
    assert (stage.store(1) / "LOCK").exists()


def folder_gone(stage: Stage) -> None:
    """Another machine with an empty disk."""
    folder = stage.store(2)
    folder.rename(folder.with_name("elsewhere"))


def status_emptied(stage: Stage) -> None:
    """(h) Every record of the status topic is deleted; the store fills it again.

    The worker ends in order: killed, its last transaction may be in the lost log and not in the
    store, and what it covered is then read again.
    """
    stage.start()
    stage.flow()
    stage.wait_read(len(stage.events) // 3)
    stage.stop()
    _empty_status(stage.bootstrap)
    stage.start()
    stage.all_published()
    stage.verdict()
    assert stage.said("filled again from the local store")


def status_anew(stage: Stage) -> None:
    """(h) The status topic is deleted and created again, after an end in order as above."""
    stage.start()
    stage.flow()
    stage.wait_read(len(stage.events) // 3)
    stage.stop()
    admin = AdminClient({"bootstrap.servers": stage.bootstrap})
    admin.delete_topics([STATUS])[STATUS].result()
    while STATUS in admin.list_topics(timeout=10).topics:
        time.sleep(0.1)
    create_missing(stage.bootstrap, specs_of(Settings()))
    stage.start()
    stage.all_published()
    stage.verdict()
    assert stage.said("filled again from the local store")


def offsets_reset(stage: Stage, group: str = "firmware-tracking") -> None:
    """(i) The group's offsets are set to the beginning, then to the end: neither is believed."""
    stage.start()
    stage.flow()
    for share, offset in ((3, 0), (2, 1_000_000_000)):
        stage.wait_read(len(stage.events) // share)
        stage.stop()
        _set_offsets(stage.bootstrap, group, offset)
        stage.start()
    stage.all_published()
    stage.verdict()


def replayed(stage: Stage) -> None:
    """(i) Every event is read again from the beginning, on an emptied log and an empty disk: the
    same table."""
    stage.start()
    stage.flow()
    stage.all_published()
    stage.verdict()
    stage.kill()
    _empty_status(stage.bootstrap)
    (stage.folder / "w0").rename(stage.folder / "w0-gone")
    stage.start()
    stage.verdict(exact=False)


def disk_full(stage: Stage) -> None:
    """(f) No room: the worker ends before anything is committed, and goes on when there is room."""
    stage.start()
    stage.flow()
    stage.wait_read(len(stage.events) // 4)
    stage.stop()
    worker = stage.start(FDT_LEAST_FREE_MB=str(1 << 30))
    assert worker.wait(120) == 1
    assert stage.said("MiB are free and")
    stage.start()
    stage.all_published()
    stage.verdict()


def _flip(path: Path, share: float) -> None:
    data = bytearray(path.read_bytes())
    data[int(len(data) * share)] ^= 0xFF
    path.write_bytes(bytes(data))


def _empty_status(bootstrap: str) -> None:
    """Kafka deletes records of a compacted topic only while its policy allows it."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    set_config(bootstrap, STATUS, "cleanup.policy", "compact,delete")
    asked = [TopicPartition(STATUS, number, -1) for number in range(PARTITIONS)]
    for future in admin.delete_records(asked).values():
        future.result()
    set_config(bootstrap, STATUS, "cleanup.policy", "compact")


def _set_offsets(bootstrap: str, group: str, offset: int) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    topics = SOURCE_TOPICS.values()
    places = [TopicPartition(t, n, offset) for t in topics for n in range(PARTITIONS)]
    asked = [ConsumerGroupTopicPartitions(group, places)]
    for future in admin.alter_consumer_group_offsets(asked).values():
        future.result()


def leader_lost(stage: Stage, cluster: Cluster) -> None:
    """(d) The leader of a status partition is killed, started again, then the next leader."""
    worker = stage.start()
    stage.flow()
    for share in (4, 2):
        stage.wait_read(len(stage.events) // share)
        leader = cluster.leader(STATUS, 0)
        leader.kill()
        time.sleep(10)
        leader.start()
    stage.all_published()
    stage.verdict("w0")
    assert worker.poll() is None, "a worker outlives the loss of a leader"


def disk_filled(stage: Stage, disk: Path) -> None:
    """(f) Somebody fills the disk under a worker that does not look ahead; then it is freed."""
    worker = stage.start(FDT_LEAST_FREE_MB="0")
    stage.flow()
    stage.wait_read(len(stage.events) // 4)
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as out:
        try:
            while True:
                out.write(b"\0" * 65_536)
        except OSError:
            pass
    assert worker.wait(120) != 0
    filler.unlink()
    stage.start()
    stage.all_published()
    stage.verdict()
