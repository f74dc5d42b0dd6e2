"""``python -m bench.latency``: how soon events are answered, in the cases that people wait for.

*campaign*: one request for 50,000 devices, from its first event until its answer is complete;
*steady*: probes beside ``--rate`` events a second, for ``--seconds``; *backlog*: probes of a
partition without backlog while ``--backlog`` events of the other partitions are worked off. Each on
a broker of its own, with one worker and one read side. The figures are JSON on the last line.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
from rich.console import Console

from bench.freshness import Probes, Traffic
from bench.load import DEVICES_OF_THE_LARGEST, PARTITIONS, one_each, request_of, send
from bench.read_side import serving
from bench.throughput import command, covered
from fdt.brokers.finding import LocalKafka
from fdt.kafka.topics import ensure_topics, specs_of
from fdt.settings import Settings
from sources.wire import Wire

_FREE: Final = PARTITIONS - 1
"""The partition without backlog."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.latency", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=float, default=1_000)
    parser.add_argument("--backlog", type=int, default=1_000_000)
    asked = parser.parse_args()
    say = Console(stderr=True).log
    figures = {
        "campaign": campaign(say),
        "steady": steady(asked.rate, asked.seconds, say),
        "backlog": backlog(asked.backlog, say),
    }
    print(json.dumps(figures))


def campaign(say: Callable[[str], None]) -> dict[str, float]:
    """Seconds from the first event of a request for 50,000 devices to its complete answer."""
    with _running(say) as (bootstrap, api):
        events, request = list(one_each(DEVICES_OF_THE_LARGEST)), request_of(0)
        began = time.monotonic()
        send(bootstrap, events)
        published = time.monotonic() - began
        while (shown := _items(api, request)) < DEVICES_OF_THE_LARGEST:
            time.sleep(0.05)
        figures = {"published_s": published, "complete_s": time.monotonic() - began}
    say(f"campaign: {shown:,} devices, {figures}")
    return figures


def steady(rate: float, seconds: float, say: Callable[[str], None]) -> dict[str, float]:
    """Probes beside a steady rate."""
    with _running(say) as (bootstrap, api):
        probes, traffic = Probes(api, bootstrap), Traffic(bootstrap, rate)
        traffic.start()
        probes.next()  # connections and caches
        probes.waits.clear()
        began, already = time.monotonic(), traffic.sent
        while time.monotonic() - began < seconds:
            probes.next()
        rate = (traffic.sent - already) / (time.monotonic() - began)
        traffic.stop()
        figures = probes.figures() | {"events_a_second": rate}
    say(f"steady: {figures}")
    return figures


def backlog(events: int, say: Callable[[str], None]) -> dict[str, float]:
    """Probes of one partition while the others work their backlog off."""
    with _running(say, wait=_others(events)) as (bootstrap, api):
        probes = Probes(api, bootstrap, _FREE)
        probes.next()
        probes.waits.clear()
        already, began = covered(bootstrap), time.monotonic()
        while (read := covered(bootstrap)) < events:
            probes.next()
        rate = (read - already) / (time.monotonic() - began)
        figures = probes.figures() | {"events_a_second": rate}
    say(f"backlog: {figures}")
    return figures


def _others(events: int) -> Iterator[Wire]:
    """Events of all partitions but one."""
    share = events * PARTITIONS // (PARTITIONS - 1)
    return (wire for wire in one_each(share) if wire.partition != _FREE)


@contextmanager
def _running(
    say: Callable[[str], None], wait: Iterable[Wire] = ()
) -> Iterator[tuple[str, httpx.Client]]:
    """A broker that holds ``wait``, then a worker and a read side."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        with LocalKafka(folder / "kafka", report=say) as broker:
            bootstrap = broker.bootstrap_servers
            ensure_topics(bootstrap, specs_of(Settings()))
            send(bootstrap, wait)
            with (
                command("process", bootstrap, folder),
                serving(bootstrap, folder, FDT_SEARCHES_PER_MINUTE="10000000") as (_, api),
            ):
                yield bootstrap, api


def _items(api: httpx.Client, request: str) -> int:
    """Devices of a request that its answer counts."""
    answer = api.get(f"/v1/service-requests/{request}", params={"limit": 1})
    if answer.status_code == httpx.codes.NOT_FOUND:
        return 0
    return sum(answer.raise_for_status().json()["counts"].values())


if __name__ == "__main__":
    main()
