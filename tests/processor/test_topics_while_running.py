"""The topics change while worker and read side run: it is said at once, and nothing is lost."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fdt.processes.children import free_port
from schemas.codec import Codec
from schemas.identifiers import DeviceId
from schemas.partitioning import partition_of
from schemas.topics import AUDIT, COMMS_HUB_EVENTS, DSP_EVENTS, STATUS
from sources.wire import Wire
from tests.support.events import dsp_event
from tests.support.plans import send
from tests.support.processes import running
from tests.support.topics import delete, grow, set_config, table, wait_until_read

PARTITIONS, GROWN = 4, 8
SAID_WITHIN_S = 10.0
CODEC = Codec()


@dataclass(frozen=True)
class Both:
    """A worker and a read side that are ready, by their HTTP addresses."""

    bootstrap: str
    worker: str
    read_side: str
    worker_log: Path

    def readiness(self) -> list[tuple[int, str]]:
        """HTTP status and text of each."""
        return [get(f"{each}/readyz") for each in (self.worker, self.read_side)]

    def until_said(self, words: str) -> None:
        """Both say so, within the time that the contract gives."""
        began = time.monotonic()
        while not all(code == 503 and words in text for code, text in self.readiness()):
            assert time.monotonic() - began < SAID_WITHIN_S, self.readiness()
            time.sleep(0.1)

    def until_ready(self) -> None:
        """Both are ready (again)."""
        until(lambda: all(code == 200 for code, _ in self.readiness()))

    def unread(self) -> set[str]:
        """The gauge of the grown topic, as each exposes it."""
        line = f'fdt_unread_partitions{{topic="{DSP_EVENTS}"}} '
        texts = [get(f"{each}/metrics")[1] for each in (self.worker, self.read_side)]
        return {each.removeprefix(line) for t in texts for each in t.splitlines() if line in each}


def get(url: str) -> tuple[int, str]:
    """HTTP status (0 while nobody answers) and text."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status), answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for what must come about."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.fixture
def both(fresh_topics: str, tmp_path: Path) -> Iterator[Both]:
    """A worker and a read side over empty topics."""
    ports = free_port(), free_port()
    environment = {
        "KAFKA_BOOTSTRAP_SERVERS": fresh_topics,
        "FDT_DATA_DIR": str(tmp_path),
        "FDT_PROCESSOR_PORT": str(ports[0]),
        "FDT_API_PORT": str(ports[1]),
        "FDT_IDLE_CONTROL_INTERVAL": "PT2S",
    }
    worker, read_side = (f"http://127.0.0.1:{port}" for port in ports)
    with (
        running("process", log=tmp_path / "worker.log", **environment),
        running("serve", log=tmp_path / "serve.log", **environment),
    ):
        found = Both(fresh_topics, worker, read_side, tmp_path / "worker.log")
        found.until_ready()
        yield found


def devices(first: int, count: int) -> list[DeviceId]:
    """Devices whose Device IDs follow each other."""
    return [DeviceId(f"00-DB-12-34-56-78-91-{n:02X}") for n in range(first, first + count)]


def accepted(device: DeviceId, partitions: int) -> Wire:
    """The DSP accepted the device, published by a client that knows of so many partitions."""
    value = CODEC.encode("DspEvent", dsp_event(device_id=device))
    return Wire(DSP_EVENTS, partition_of(device, partitions), device.encode(), value, [])


def test_a_topic_that_grows_is_said_and_put_right_without_a_loss(
    both: Both, tmp_path: Path
) -> None:
    """From 4 to 8 partitions: what is published by eight waits, or stands where nobody reads, until
    it is mended; then every device is there, once."""
    before, after = devices(0, 8), devices(8, 16)
    send([accepted(device, PARTITIONS) for device in before], both.bootstrap)
    wait_until_read(both.bootstrap, len(before))
    grow(both.bootstrap, DSP_EVENTS, GROWN)
    send([accepted(device, GROWN) for device in after], both.bootstrap)
    both.until_said(f"{DSP_EVENTS}: partitions is 8, should be 4")
    assert both.unread() == {"4.0"}
    assert "run 'fdt topics --mend'" in both.worker_log.read_text()
    astray = sum(partition_of(device, GROWN) >= PARTITIONS for device in after)
    with running(
        "topics", "--mend", log=tmp_path / "mend.log", KAFKA_BOOTSTRAP_SERVERS=both.bootstrap
    ) as mending:
        mending.wait(60)
    assert f"{DSP_EVENTS}: {astray} records copied" in (tmp_path / "mend.log").read_text()
    both.until_ready()
    found = wait_until_read(both.bootstrap, len(before) + len(after))
    assert set(found.rows) == {*before, *after}
    assert all(len(item.timeline) == 1 for item in found.items().values())
    assert all(item.timeline[0].copies == 0 for item in found.items().values())
    assert found.counts["dead_lettered"] == 0
    cited = {item.evidence.partition for item in found.items().values()}
    assert cited & set(range(PARTITIONS, GROWN))
    until(lambda: f'fdt_items{{status="Accepted by DSP"}} {len(found.rows)}.0' in _items(both))


def _items(both: Both) -> str:
    return get(f"{both.read_side}/metrics")[1]


@pytest.mark.parametrize(
    ("topic", "setting", "wrong", "right"),
    [
        (COMMS_HUB_EVENTS, "message.timestamp.type", "CreateTime", "LogAppendTime"),
        (DSP_EVENTS, "cleanup.policy", "compact", "delete"),
        (STATUS, "cleanup.policy", "delete", "compact"),
    ],
)
def test_a_setting_that_loses_data_is_said_until_it_is_put_back(
    both: Both, topic: str, setting: str, wrong: str, right: str
) -> None:
    """Worker and read side go on then as if nothing had been."""
    set_config(both.bootstrap, topic, setting, wrong)
    both.until_said(f"{topic}: {setting} is {wrong}, should be {right}")
    set_config(both.bootstrap, topic, setting, right)
    both.until_ready()
    send([accepted(device, PARTITIONS) for device in devices(0, 4)], both.bootstrap)
    assert len(wait_until_read(both.bootstrap, 4).rows) == 4


def test_a_topic_that_is_deleted_is_said(both: Both) -> None:
    """Also one that nobody reads: there the read side leaves its traces."""
    delete(both.bootstrap, AUDIT)
    both.until_said(f"{AUDIT}: topic is missing, should be exists")


def test_what_a_worker_says_of_itself(both: Both) -> None:
    """Alive, what it owns, and what became of the records."""
    send([accepted(device, PARTITIONS) for device in devices(0, 4)], both.bootstrap)
    wait_until_read(both.bootstrap, 4)
    assert json.loads(get(f"{both.worker}/healthz")[1]) == {"status": "ok"}
    assert json.loads(get(f"{both.worker}/readyz")[1]) == {
        "status": "ready",
        "partitions": [0, 1, 2, 3],
        "troubles": {},
    }
    metrics = get(f"{both.worker}/metrics")[1]
    assert "fdt_owned_partitions 4.0" in metrics
    read = [line for line in metrics.splitlines() if 'outcome="read"' in line]
    assert sum(float(line.split()[-1]) for line in read) == 4
    assert get(f"{both.worker}/else")[0] == 404
    assert len(table(both.bootstrap).rows) == 4


def test_a_worker_that_waits_for_its_topics_ends_in_order(
    fresh_topics: str, tmp_path: Path
) -> None:
    """Started over a topic that has grown, it joins its group, reads nothing and says why; and it
    is no hostage of it."""
    grow(fresh_topics, DSP_EVENTS, GROWN)
    send([accepted(device, PARTITIONS) for device in devices(0, 4)], fresh_topics)
    address, log = f"http://127.0.0.1:{(port := free_port())}", tmp_path / "log"
    with running(
        "process",
        log=log,
        KAFKA_BOOTSTRAP_SERVERS=fresh_topics,
        FDT_DATA_DIR=str(tmp_path),
        FDT_PROCESSOR_PORT=str(port),
        FDT_IDLE_CONTROL_INTERVAL="PT1S",
    ) as worker:
        until(lambda: '"partitions": [0, 1, 2, 3]' in get(f"{address}/readyz")[1])
        code, text = get(f"{address}/readyz")
        assert (code, "partitions is 8, should be 4" in text) == (503, True)
        until(lambda: len(table(fresh_topics).controls) == PARTITIONS)
        worker.terminate()
        assert worker.wait(30) == 0
    assert "Traceback" not in log.read_text()
    assert table(fresh_topics).counts["read"] == 0


def test_a_status_topic_that_has_grown_is_made_anew_and_filled_again(
    fresh_topics: str, tmp_path: Path
) -> None:
    """Kafka takes no partition away: the workers' stores have every row, so nothing is lost."""
    environment = {"KAFKA_BOOTSTRAP_SERVERS": fresh_topics, "FDT_DATA_DIR": str(tmp_path)}
    log, before, after = tmp_path / "log", devices(0, 8), devices(8, 8)
    with running("process", log=log, **environment) as worker:
        send([accepted(device, PARTITIONS) for device in before], fresh_topics)
        wait_until_read(fresh_topics, len(before))
        grow(fresh_topics, STATUS, GROWN)
        until(lambda: f"delete {STATUS}, run 'fdt topics'" in log.read_text(), SAID_WITHIN_S)
        send([accepted(device, PARTITIONS) for device in after], fresh_topics)
        worker.terminate()
        assert worker.wait(30) == 0
    with running("process", log=log, **environment) as refused:
        assert refused.wait(30) == 2
    assert f"If it has grown: Stop the workers, delete {STATUS}" in log.read_text()
    delete(fresh_topics, STATUS)
    with running("topics", log=tmp_path / "topics", **environment) as topics:
        assert topics.wait(60) == 0
    with running("process", log=log, **environment):
        found = wait_until_read(fresh_topics, len(before) + len(after))
        until(lambda: set(table(fresh_topics).rows) == {*before, *after})
    assert found.counts["read"] == len(before) + len(after)
    assert found.counts["dead_lettered"] == 0
