"""``python -m bench.growth``: what the number of items held costs, one row a number.

For each of ``--items`` (0.1, 1 and 5 million): as many devices with one item each, 50,000 in a
request. A worker resumes with a table of that size and folds ``--events`` further events about
random devices of it. A read side starts empty, starts again from its disk, and is asked 200 times a
second, in an open loop, while 500 events a second arrive. The figures are JSON on the last line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import httpx
from rich.console import Console

from bench.freshness import Probes, Traffic
from bench.load import (
    DEVICES_OF_THE_LARGEST,
    PARTITIONS,
    accepted,
    device_of,
    one_each,
    request_of,
    send,
)
from bench.open_loop import Asked, ask
from bench.read_side import serving
from bench.sampling import on_disk, peak_mib
from bench.throughput import command, covered, rate
from fdt.brokers.finding import LocalKafka
from fdt.kafka.topics import ensure_topics, specs_of
from fdt.settings import Settings
from schemas.codec import Codec
from schemas.partitioning import partition_of
from schemas.topics import CSP_EVENTS
from sources.wire import Wire

ITEMS: Final = (100_000, 1_000_000, 5_000_000)
REQUESTS_A_SECOND: Final = 200.0
ARRIVING: Final = 500.0
WARM_S: Final = 30.0
"""How long requests and events go on before they are measured."""
_DONE_S: Final = 3_600.0

Say = Callable[[str], None]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__)
    parser.add_argument("--items", type=int, nargs="+", default=list(ITEMS))
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--seconds", type=float, default=30, help="of requests")
    asked = parser.parse_args()
    say = Console(stderr=True).log
    print(json.dumps([measured(n, asked.events, asked.seconds, say) for n in asked.items]))


def measured(items: int, events: int, seconds: float, say: Say) -> dict[str, Any]:
    """The row of one number."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        with LocalKafka(folder / "kafka", report=say) as broker:
            bootstrap = broker.bootstrap_servers
            ensure_topics(bootstrap, specs_of(Settings()))
            say(f"{items:,} items: publishing")
            send(bootstrap, one_each(items))
            row: dict[str, Any] = {"items": items}
            row["first_rate"], _ = _folded(bootstrap, folder / "worker", items, "first", say)
            send(bootstrap, _further(items, events))
            row["rate"], row["worker_mib"] = _folded(
                bootstrap, folder / "worker", items + events, "again", say, events
            )
            row["worker_disk_mib"] = on_disk([folder / "worker"]).allocated / 2**20
            row |= _read_side(bootstrap, folder, items, seconds, say)
    say(f"{row}")
    return row


def _folded(
    bootstrap: str, folder: Path, until: int, name: str, say: Say, events: int | None = None
) -> tuple[float, float]:
    """Events a second until so many are covered, and the worker's peak memory in MiB."""
    with command("process", bootstrap, folder, log=f"{name}.log") as process:
        deadline = time.monotonic() + _DONE_S
        while covered(bootstrap) < until:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the worker did not finish: see {folder / name}.log")
            time.sleep(0.5)
        memory = peak_mib(process.pid)
    found = rate(bootstrap, folder / f"{name}.log", until if events is None else events)
    say(f"{name}: {found:,.0f} events/s, {memory:,.0f} MiB")
    return found, memory


def _further(items: int, events: int) -> Iterator[Wire]:
    """Further CSP events about random devices."""
    codec, chosen = Codec(), random.Random(1)
    for _ in range(events):
        number = chosen.randrange(items)
        told = accepted(number)
        value = codec.encode("CspEvent", _from_csp(told))
        place = partition_of(told["device_id"], PARTITIONS)
        yield Wire(CSP_EVENTS, place, told["device_id"].encode(), value, [])


def _from_csp(told: dict[str, Any]) -> dict[str, Any]:
    kept = ("event_id", "service_request_id", "device_id", "firmware_version", "occurred_at")
    return {name: told[name] for name in kept} | {
        "csp_region": "NORTH",
        "code": "N60",
        "image_hash": None,
        "detail": None,
    }


def _read_side(
    bootstrap: str, folder: Path, items: int, seconds: float, say: Say
) -> dict[str, Any]:
    """Seconds until it is ready from the topic and from its own disk, answers, a download,
    memory."""
    own = folder / "read-side"
    limits = {
        "FDT_SEARCHES_PER_MINUTE": "10000000",
        "FDT_DOWNLOADS_PER_MINUTE": "1000",
    }
    began = time.monotonic()
    with serving(bootstrap, own, **limits):
        ready_from_topic = time.monotonic() - began
    began = time.monotonic()
    with (
        command("process", bootstrap, folder / "worker", log="beside.log"),
        serving(bootstrap, own, **limits) as (process, api),
    ):
        ready_from_disk = time.monotonic() - began
        Probes(api, bootstrap).next()  # the worker folds: its start is no part of an answer
        answered = _asked(api, bootstrap, items, seconds)
        before = peak_mib(process.pid)
        downloads = [_downloaded(api, items) for _ in range(3)]
        after = peak_mib(process.pid)
    found = {
        "ready_from_topic_s": ready_from_topic,
        "ready_from_disk_s": ready_from_disk,
        "csv_s": sorted(downloads)[1],
        "read_side_mib": before,
        "csv_grew_mib": after - before,
        "read_side_disk_mib": on_disk([own]).allocated / 2**20,
    }
    for kind in ("device", "page"):
        waits = sorted(each.milliseconds for each in answered if each.kind == kind)
        found |= {
            f"{kind}_p50_ms": waits[len(waits) // 2],
            f"{kind}_p99_ms": waits[int(len(waits) * 0.99)],
        }
    return found


def _asked(api: httpx.Client, bootstrap: str, items: int, seconds: float) -> list[Asked]:
    chosen = random.Random(2)
    paths: list[tuple[str, Callable[[int], str]]] = [
        ("device", lambda _: f"/v1/devices/{device_of(chosen.randrange(items))}"),
        ("page", lambda _: f"/v1/service-requests/{request_of(chosen.randrange(items))}?limit=50"),
    ]
    traffic = Traffic(bootstrap, ARRIVING)
    traffic.start()
    url, headers = api.base_url, {"Authorization": api.headers["Authorization"]}
    given = (url.host, url.port or 80, headers, paths, REQUESTS_A_SECOND)
    asyncio.run(ask(*given, WARM_S))  # connections, caches, and the code of a broker just started
    answered = asyncio.run(ask(*given, seconds))
    traffic.stop()
    if failed := [each for each in answered if each.status != httpx.codes.OK]:
        raise RuntimeError(f"{len(failed)} requests were not answered: {failed[0]}")
    return answered


def _downloaded(api: httpx.Client, items: int) -> float:
    """Seconds for the CSV of a whole request."""
    began, lines = time.monotonic(), 0
    with api.stream("GET", f"/v1/service-requests/{request_of(0)}.csv") as answer:
        for part in answer.iter_bytes():
            lines += part.count(b"\n")
    if lines <= min(items, DEVICES_OF_THE_LARGEST):
        raise RuntimeError(f"the download has {lines} lines")
    return time.monotonic() - began


if __name__ == "__main__":
    main()
