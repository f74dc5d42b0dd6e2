"""Freshness: from the broker's acknowledgement of an event to the API's answer that shows it.

Probes follow each other while 500 other events a second go through the same topics.
"""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import httpx
from confluent_kafka import Producer

from bench.throughput import command
from schemas.codec import Codec
from schemas.partitioning import PRODUCER_PARTITIONER
from schemas.topics import DSP_EVENTS

RATE = 500
_READY_S = 120.0
_PROBE_S = 30.0
_USER_ID = "90-B3-D5-1F-30-01-00-00"


def measure(bootstrap: str, folder: Path, seconds: float) -> dict[str, float]:
    """p50, p99 and the worst, in milliseconds, over probes for ``seconds``."""
    port = _free_port()
    with (
        command("process", bootstrap, folder),
        command(
            "serve", bootstrap, folder, FDT_API_PORT=str(port), FDT_SEARCHES_PER_MINUTE="10000000"
        ),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=_signed_in(folder)) as api,
    ):
        _wait_until_ready(api)
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


def event(device_id: str) -> dict[str, Any]:
    """The DSP accepted a device, now."""
    return {
        "event_id": str(uuid.uuid4()),
        "service_request_id": f"{_USER_ID}:90-B3-D5-1F-30-00-00-02:77",
        "service_reference_variant": "11.1",
        "device_id": device_id,
        "device_type": "ESME",
        "firmware_version": "0002012F",
        "image_hash": None,
        "code": "I99",
        "detail": None,
        "occurred_at": int(time.time() * 1000),
    }


def _signed_in(folder: Path) -> dict[str, str]:
    folder.mkdir(parents=True, exist_ok=True)
    token = subprocess.run(
        [sys.executable, "-m", "fdt", "token", "--role", "service-centre"],
        env={**os.environ, "FDT_DATA_DIR": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    return {"Authorization": f"Bearer {token.stdout.strip()}"}


def _wait_until_ready(api: httpx.Client) -> None:
    deadline = time.monotonic() + _READY_S
    while time.monotonic() < deadline:
        try:
            if api.get("/readyz").status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass  # not listening yet
        time.sleep(0.2)
    raise RuntimeError("the read side was not ready in time")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
