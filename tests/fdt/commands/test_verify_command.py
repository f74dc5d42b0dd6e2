"""``fdt verify`` on a real broker, beside a worker and a read side: what is spoiled is named."""

from __future__ import annotations

import hashlib
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from fdt.analysis.cut import cut
from processor.partition.recovery import ROW_PREFIX
from projections.rows import decode_row, reports_of
from query_api.view.layout import decode_held, device_key, encode_value, entry_key
from query_api.view.status_view import marks
from schemas.codec import Codec
from schemas.partitioning import partition_of
from schemas.topics import STATUS
from sources.planning.plan import build_plan
from storage.rocks import RocksFollower, RocksStore
from tests.support.plans import publish
from tests.support.processes import running
from tests.support.rows import status_value
from tests.support.terminal import Ended, called
from tests.support.topics import Table, wait_until_read

PARTITIONS = 4
PATIENCE_S = 60
VIEW = "view-0"
RESUMED = "goes on at"
"""What a worker's log says of each partition that it took over."""


def environment(bootstrap: str, folder: Path) -> dict[str, str]:
    """Settings of everything that runs."""
    return {
        "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "FDT_DATA_DIR": str(folder),
        "FDT_SESSION_TIMEOUT": "PT6S",
        "FDT_IDLE_CONTROL_INTERVAL": "PT1S",
    }


@contextmanager
def everything(bootstrap: str, folder: Path) -> Iterator[None]:
    """A read side, and a worker that has taken over every partition."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    common, log = environment(bootstrap, folder), folder / "process.log"
    before = log.read_text().count(RESUMED) if log.exists() else 0
    with (
        running("process", log=log, **common),
        running("serve", log=folder / "serve.log", FDT_API_PORT=port, **common),
    ):
        deadline = time.monotonic() + PATIENCE_S
        while log.read_text().count(RESUMED) < before + PARTITIONS:
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield


def verify(bootstrap: str, folder: Path, *words: str) -> Ended:
    """``fdt verify``."""
    return called("verify", *words, "--json", **environment(bootstrap, folder))


def lines(ended: Ended) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Partitions, and devices that do not agree."""
    found = [json.loads(line) for line in ended.out.splitlines()]
    return [one for one in found if "cut" in one], [one for one in found if "copies" in one]


def miscounted(ended: Ended) -> list[str | None]:
    """The requests that the view counts wrongly."""
    found = [json.loads(line) for line in ended.out.splitlines()]
    return [one["service_request_id"] for one in found if one.keys() == {"service_request_id"}]


def wait_for_view(folder: Path, number: int, offset: int) -> None:
    """Until the view has applied a status partition up to an offset."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if not (folder / VIEW / "CURRENT").exists():
            time.sleep(0.2)
            continue
        follower = RocksFollower(folder / VIEW, folder / "notes-of-a-test")
        with follower.snapshot() as reading:
            reached = marks(reading)[number].next_offset
        follower.close()
        if reached >= offset:
            return
        time.sleep(0.2)
    pytest.fail(f"the view never came to {offset} of partition {number}")


def flipped(state: bytes) -> bytes:
    """The row with one byte of one record's identity changed."""
    identity = reports_of(decode_row(state))[0].identity
    at = state.index(identity)
    return state[:at] + bytes([state[at] ^ 1]) + state[at + 1 :]


def spoil_store(folder: Path, device: str) -> None:
    """Flip a byte of one row in the stopped worker's store."""
    number = partition_of(device, PARTITIONS)
    (path,) = folder.glob(f"*/partition-{number}")
    store = RocksStore(path)
    key = ROW_PREFIX + device.encode()
    state = store.get(key)
    assert state is not None
    store.write({key: flipped(state)})
    store.close()


def spoil_view(folder: Path, device: str, unlisted: str) -> str:
    """Change one row of the stopped read side's view, and take one item out of its lists; the
    request of that item."""
    store = RocksStore(folder / VIEW)
    data = store.get(device_key(device))
    assert data is not None
    held = decode_held(data)
    held.state = flipped(held.state)
    store.write({device_key(device): encode_value(held)})
    listed = store.get(device_key(unlisted))
    assert listed is not None
    request = decode_held(listed).indexed[0][0]
    store.write({entry_key(request, unlisted): None})
    store.close()
    return request


def with_other_items(device: str, state: bytes) -> bytes:
    """A status record whose row is right, and what it shows is not."""
    codec = Codec()
    record = codec.decode("FirmwareStatus", status_value(device, state))
    record["items"][0]["firmware_version"] = "FFFFFFFF"
    return codec.encode("FirmwareStatus", record)


def forge(bootstrap: str, values: dict[str, bytes | None]) -> dict[int, int]:
    """Status records that no processor wrote; partition -> offset behind them."""
    ends: dict[int, int] = {}
    producer = Producer({"bootstrap.servers": bootstrap})

    def heard(error: object, message: Any) -> None:
        assert error is None
        ends[message.partition()] = message.offset() + 1

    for device, value in values.items():
        number = partition_of(device, PARTITIONS)
        producer.produce(STATUS, value, device.encode(), number, on_delivery=heard)
    assert producer.flush(30) == 0
    return ends


def devices_of(found: Table) -> dict[int, list[str]]:
    """Devices by partition number."""
    by_number: dict[int, list[str]] = {number: [] for number in range(PARTITIONS)}
    for device in sorted(found.rows):
        by_number[partition_of(device, PARTITIONS)].append(device)
    return by_number


def test_what_is_spoiled_is_named_and_nothing_else(fresh_topics: str, tmp_path: Path) -> None:
    """A flipped byte in the store, a dropped and a forged status record, a changed view row; an
    item that no list shows, and a record that shows something else than its row."""
    plan = build_plan(seed=7, requests=3, devices=160)
    publish(plan, fresh_topics, PARTITIONS)
    with everything(fresh_topics, tmp_path):
        right = wait_until_read(fresh_topics, len(plan.publications))
        for span in cut(fresh_topics, [STATUS]).spans:
            wait_for_view(tmp_path, span.partition, span.end - 1)  # a marker ends it
        proved = verify(fresh_topics, tmp_path, "--processes", "1")
    assert proved.code == 0, proved.err
    verified, wrong = lines(proved)
    assert wrong == []
    assert miscounted(proved) == []
    by_number = devices_of(right)
    for line in verified:
        devices = by_number[line["partition"]]
        assert line["made"] == line["topic"] == line["store"] == line["view"] == len(devices) > 0
        digest = hashlib.sha256()
        for device in devices:
            state = right.rows[device]
            digest.update(b"%s %d " % (device.encode(), len(state)) + state)
        assert line["digest"] == digest.hexdigest()

    in_store, in_view = by_number[0][3], by_number[1][3]
    dropped, forged = by_number[2][3], by_number[3][3]
    spoil_store(tmp_path, in_store)
    in_list, shown = by_number[1][5], by_number[0][5]
    short = spoil_view(tmp_path, in_view, in_list)
    with everything(fresh_topics, tmp_path):
        others = status_value(forged, right.rows[by_number[3][4]])
        mixed = with_other_items(shown, right.rows[shown])
        ends = forge(fresh_topics, {dropped: None, forged: others, shown: mixed})
        for number, end in ends.items():
            wait_for_view(tmp_path, number, end)
        told = verify(fresh_topics, tmp_path, "--processes", "1")
    assert told.code == 1, told.err
    assert "6 devices do not agree." in told.err
    assert miscounted(told) == [None, short]
    _, wrong = lines(told)
    assert {line["device_id"]: line["copies"] for line in wrong} == {
        in_store: ["store"],
        in_view: ["view"],
        dropped: ["topic", "view"],
        forged: ["topic", "view"],
        in_list: ["view"],
        shown: ["topic"],
    }
    for line in wrong:
        reports = reports_of(decode_row(right.rows[line["device_id"]]))
        places = [f"offset {report.offset}, event" for report in reports]
        assert any(place in line["decided_by"] for place in places), line


def test_what_is_not_there_is_not_passed_over(fresh_topics: str, tmp_path: Path) -> None:
    """A store, a view or a partition that is missing is said; two may be left out by name."""
    nothing = verify(fresh_topics, tmp_path)
    assert nothing.code == 2
    assert f"There is no view in {tmp_path / VIEW}" in nothing.err
    replayed = called(
        "replay", "--table", str(tmp_path / "replayed"), **environment(fresh_topics, tmp_path)
    )
    assert (replayed.code, (tmp_path / "replayed" / "partition-0" / "CURRENT").exists()) == (
        0,
        True,
    )
    no_store = verify(fresh_topics, tmp_path, "--without", "view")
    assert no_store.code == 2
    assert "No worker's store of partition 0" in no_store.err
    unknown = verify(fresh_topics, tmp_path, "--partition", "4", "--without", "view")
    assert unknown.code == 2
    assert "There is no partition 4: they are 0 to 3." in unknown.err
    both = ("--without", "view", "--without", "store")
    empty = verify(fresh_topics, tmp_path, "--partition", "2", *both)
    assert empty.code == 0, empty.err
    ((line,), wrong) = lines(empty)
    assert (line["made"], line["store"], line["view"], wrong) == (0, None, None, [])
    assert not (tmp_path / "verify").exists()
