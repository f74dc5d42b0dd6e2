"""Freshness: from the broker's acknowledgement of an event to the API's answer that shows it.

Probes follow each other while 500 other events a second go through the same topics.
"""

from __future__ import annotations

import statistics
import threading
import time
from pathlib import Path

import httpx
from confluent_kafka import Producer

from bench.load import event
from bench.read_side import serving
from bench.throughput import command
from schemas.codec import Codec
from schemas.partitioning import PRODUCER_PARTITIONER
from schemas.topics import DSP_EVENTS

RATE = 500
_PROBE_S = 30.0


def measure(bootstrap: str, folder: Path, seconds: float) -> dict[str, float]:
    """p50, p99 and the worst, in milliseconds, over probes for ``seconds``."""
    with (
        command("process", bootstrap, folder),
        serving(bootstrap, folder, FDT_SEARCHES_PER_MINUTE="10000000") as (_, api),
    ):
        traffic = _Traffic(bootstrap)
        traffic.start()
        _probe(api, bootstrap, 0)  # connections and caches
        began, already = time.monotonic(), traffic.sent
        waits: list[float] = []
        while time.monotonic() - began < seconds:
            waits.append(_probe(api, bootstrap, len(waits) + 1))
        took = time.monotonic() - began
        traffic.stop()
    waits.sort()
    return {
        "fresh_p50_ms": statistics.median(waits),
        "fresh_p99_ms": waits[int(len(waits) * 0.99)],
        "fresh_max_ms": waits[-1],
        "fresh_samples": len(waits),
        "fresh_rate": (traffic.sent - already) / took,
    }


def _probe(api: httpx.Client, bootstrap: str, number: int) -> float:
    """Milliseconds from the acknowledgement of one event to the answer that shows it."""
    probe = event(_device(0x57, number))
    producer = _producer(bootstrap)
    producer.produce(DSP_EVENTS, Codec().encode("DspEvent", probe), probe["device_id"])
    producer.flush(10)
    began = time.perf_counter()
    while time.perf_counter() - began < _PROBE_S:
        answer = api.get(f"/v1/devices/{probe['device_id']}")
        if answer.status_code == httpx.codes.OK:
            return (time.perf_counter() - began) * 1000
        time.sleep(0.002)
    raise RuntimeError(f"the event was not shown within {_PROBE_S} s: {answer.text}")


class _Traffic(threading.Thread):
    """Other events at :data:`RATE` a second, each about another device."""

    def __init__(self, bootstrap: str) -> None:
        super().__init__(daemon=True)
        self._producer = _producer(bootstrap)
        self._codec = Codec()
        self._stopped = threading.Event()
        self.sent = 0

    def run(self) -> None:
        began = time.monotonic()
        while not self._stopped.wait(0.01):
            while self.sent < (time.monotonic() - began) * RATE:
                number = self.sent
                probe = event(_device(0x58, number))
                value = self._codec.encode("DspEvent", probe)
                self._producer.produce(DSP_EVENTS, value, probe["device_id"])
                self.sent += 1
            self._producer.poll(0)

    def stop(self) -> None:
        """No further events."""
        self._stopped.set()
        self.join()
        self._producer.flush(10)


_producers: dict[str, Producer] = {}


def _producer(bootstrap: str) -> Producer:
    if bootstrap not in _producers:
        _producers[bootstrap] = Producer(
            {
                "bootstrap.servers": bootstrap,
                "partitioner": PRODUCER_PARTITIONER,
                "enable.idempotence": True,
                "linger.ms": 0,
            }
        )
    return _producers[bootstrap]


def _device(block: int, number: int) -> str:
    """A reserved Device ID."""
    octets = (0x00, 0xDB, 0x12, 0x34, block, number >> 16 & 255, number >> 8 & 255, number & 255)
    return "-".join(f"{octet:02X}" for octet in octets)
