"""``?as_at=`` of a real read side, behind a real worker and broker, against the second reading.

What was received by an instant, as the broker's own times say, folded by ``reference``: while
events came for half a minute with copies, wrong clocks, late reports and resets, and items ended.
"""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from fdt.processes.children import free_port
from query_api.queries.rendering import time as rfc3339
from schemas.codec import Codec
from schemas.partitioning import partition_of
from schemas.topics import SOURCE_TOPICS, TOPIC_SOURCES, Source
from sources.wire import Wire
from tests.projections import reference, reference_retention
from tests.projections.records import NARROW, WIDE, event
from tests.projections.reference import HOUR, Record
from tests.query_api.test_server import address_in, wait_ready
from tests.query_api.world import device_id
from tests.support.plans import send
from tests.support.processes import running, worker
from tests.support.read_side import service_centre
from tests.support.topics import committed

RETENTION_MS: Final = 12_000
ROUNDS, ROUND_S, DEVICES = 36, 0.4, 60
PAIRS: Final = 1_000
_CLOCKS: Final = [0, 0, 0, -1, -2_000, 2_000, HOUR + 1]
"""Milliseconds by which an event's time lies from its receipt; the last is not believed."""
_SOURCES: Final = {
    "dsp": (Source.DSP, "DspEvent"),
    "csp": (Source.CSP, "CspEvent"),
    "comms-hub": (Source.COMMS_HUB, "CommsHubEvent"),
    "ssmi": (Source.SSMI, "SsmiEvent"),
}
Shown = dict[str, tuple[str, int, tuple[int, ...]]]
"""Request -> status, offset of its evidence, offsets of its timeline."""


def rounds() -> Iterator[list[Wire]]:
    """Events about some of the devices, of now, round after round."""
    rng, codec = random.Random(11), Codec()
    history: defaultdict[str, list[tuple[str, dict[str, Any]]]] = defaultdict(list)
    for _ in range(ROUNDS):
        wires = []
        for number in rng.sample(range(DEVICES), 12):
            device, world = device_id(number), WIDE if number % 2 else NARROW
            if history[device] and rng.random() < 0.2:
                source, fields = rng.choice(history[device])
            else:
                source, fields = event(rng.choice, world, device)
                fields |= {"occurred_at": round(time.time() * 1000) + rng.choice(_CLOCKS)}
                history[device].append((source, fields))
            kind, record = _SOURCES[source]
            place = SOURCE_TOPICS[kind], partition_of(device, 4), device.encode()
            wires.append(Wire(*place, codec.encode(record, fields), []))
        yield wires


def received(bootstrap: str) -> dict[str, list[Record]]:
    """The records of each device, as the broker holds them, less those refused for their age."""
    codec, found = Codec(), defaultdict[str, list[Record]](list)
    names = {kind: (name, record) for name, (kind, record) in _SOURCES.items()}
    for topic in SOURCE_TOPICS.values():
        name, record = names[TOPIC_SOURCES[topic]]
        for message in committed(bootstrap, topic):
            fields = codec.decode(record, message.value())
            at, offset = message.timestamp()[1], message.offset() or 0
            if at - fields["occurred_at"] < RETENTION_MS:
                found[fields["device_id"]].append(Record(name, fields, at, offset))
    return found


def expected(records: list[Record], at: int) -> Shown:
    """What the second reading shows of what had been received, less what had ended."""
    known = [r for r in records if r.received_at <= at]
    held = reference_retention.held(known, RETENTION_MS, at)
    return {
        item.request_id: (
            item.status,
            item.evidence[2],
            tuple(entry.offset for entry in item.timeline),
        )
        for item in reference.fold(held).items
    }


@pytest.fixture
def settings(fresh_topics: str, tmp_path: Path) -> Iterator[dict[str, str]]:
    """A worker that forgets after some seconds."""
    told = {
        "KAFKA_BOOTSTRAP_SERVERS": fresh_topics,
        "FDT_DATA_DIR": str(tmp_path),
        "FDT_RETENTION": f"PT{RETENTION_MS // 1000}S",
        "FDT_IDLE_CONTROL_INTERVAL": "PT1S",
        "FDT_SEARCHES_PER_MINUTE": "1000000",
        "FDT_API_PORT": str(free_port()),
    }
    options = {name: value for name, value in told.items() if "RETENTION" in name or "IDLE" in name}
    with worker(fresh_topics, tmp_path, **options):
        yield told


def test_a_thousand_devices_and_instants(settings: dict[str, str], tmp_path: Path) -> None:
    """Where an answer has no doubt it is what had been received; asked while events come."""
    bootstrap, rng = settings["KAFKA_BOOTSTRAP_SERVERS"], random.Random(12)
    log, told = tmp_path / "serve.log", list[tuple[str, int, Answered]]()
    log.touch()
    with running("serve", log=log, **settings) as process:
        url = address_in(log, process)
        wait_ready(url)
        began = round(time.time() * 1000)
        with service_centre(tmp_path, int(settings["FDT_API_PORT"])) as api:
            api.timeout = httpx.Timeout(30)
            for wires in rounds():
                send(wires, bootstrap)
                until = time.monotonic() + ROUND_S
                for _ in range(PAIRS // ROUNDS + 1):
                    device: str = device_id(rng.randrange(DEVICES))
                    at = rng.randint(began, round(time.time() * 1000))
                    told.append((device, at, asked(api, device, at)))
                time.sleep(max(0.0, until - time.monotonic()))
    records = received(bootstrap)
    whole = [each for each in told if each[2].is_whole(each[1])]
    for name, at, answer in whole:
        assert answer.shown == expected(records[name], at), (name, at)
    assert len(told) >= PAIRS
    assert len(whole) > PAIRS // 20, "too much was forgotten, or not known yet"
    assert any(answer.doubts for _, _, answer in told), "nothing was forgotten"
    moved = {(name, each) for name, _, answer in whole for each in answer.shown.items()}
    assert len(moved) > PAIRS // 50, "the instants must show different things"


@dataclass(frozen=True)
class Answered:
    """What was told of a device at an instant."""

    shown: Shown
    doubts: list[str]
    as_of: int
    """Everything received before was known."""

    def is_whole(self, at: int) -> bool:
        """Whether it says that it is all there is to know."""
        return not self.doubts and at < self.as_of


def asked(api: httpx.Client, device: str, at: int) -> Answered:
    """What is answered of a device at an instant; nothing of one that is not held, or of what the
    read side has not come to."""
    then = {"as_at": rfc3339(at)}
    answer = api.get(f"/v1/devices/{device}", params=then)
    if answer.status_code in (404, 422):
        return Answered({}, [answer.json()["detail"]], 0)
    assert answer.status_code == 200, answer.text
    told, shown = answer.json(), Shown()
    doubts = set(told["as_at"]["doubts"])
    as_of = told["freshness"]["as_of"]
    for item in told["items"]:
        request = item["service_request_id"]
        one = api.get(f"/v1/devices/{device}/service-requests/{request}", params=then)
        if one.status_code == 404:  # forgotten between two questions
            doubts.add("forgotten")
            continue
        whole = one.json()
        doubts.update(whole["as_at"]["doubts"])
        offsets = tuple(entry["evidence"]["offset"] for entry in whole["timeline"])
        shown[request] = (whole["status"], whole["evidence"]["offset"], offsets)
    return Answered(shown, sorted(doubts), _milliseconds(as_of))


def _milliseconds(time_told: str | None) -> int:
    if time_told is None:
        return 0
    return round(datetime.fromisoformat(time_told).timestamp() * 1000)
