"""Measures how soon an event is answered: from the broker's acknowledgement to the API's answer.

Probes follow each other, each one event about a device of its own, while other events go through
the same topics: at a steady rate, or as a backlog of other partitions.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator
from itertools import count

import httpx

from bench.load import PARTITIONS, event
from runtime import kafka
from schemas.codec import Codec
from schemas.partitioning import partition_of
from schemas.topics import DSP_EVENTS

_PROBE_S = 30.0
_PROBES, _OTHERS = 0x57, 0x58
_AT_ONCE = {"linger.ms": 0}


class Probes:
    """Probes one after the other; of one partition alone if ``partition`` is given."""

    def __init__(self, api: httpx.Client, bootstrap: str, partition: int | None = None) -> None:
        self._api = api
        self._producer = kafka.producer(bootstrap, "bench", _AT_ONCE)
        self._devices = _devices(_PROBES, partition)
        self.waits: list[float] = []
        """Milliseconds of each."""

    def next(self) -> None:
        """Publish one more probe, and wait for its answer."""
        probe = event(next(self._devices))
        self._producer.produce(DSP_EVENTS, Codec().encode("DspEvent", probe), probe["device_id"])
        self._producer.flush(10)
        began = time.perf_counter()
        while time.perf_counter() - began < _PROBE_S:
            answer = self._api.get(f"/v1/devices/{probe['device_id']}")
            if answer.status_code == httpx.codes.OK:
                self.waits.append((time.perf_counter() - began) * 1000)
                return
            time.sleep(0.002)
        raise RuntimeError(f"the event was not shown within {_PROBE_S} s: {answer.text}")

    def figures(self) -> dict[str, float]:
        """p50, p99 and the worst, in milliseconds, and how many there were."""
        waits = sorted(self.waits)
        return {
            "p50_ms": statistics.median(waits),
            "p99_ms": waits[int(len(waits) * 0.99)],
            "max_ms": waits[-1],
            "probes": len(waits),
        }


class Traffic(threading.Thread):
    """Other events at ``rate`` a second, each about another device."""

    def __init__(self, bootstrap: str, rate: float) -> None:
        super().__init__(daemon=True)
        self._producer = kafka.producer(bootstrap, "bench", _AT_ONCE)
        self._rate = rate
        self._stopped = threading.Event()
        self.sent = 0

    def run(self) -> None:
        """Publish until told to stop."""
        codec, devices, began = Codec(), _devices(_OTHERS, None), time.monotonic()
        while not self._stopped.wait(0.01):
            while self.sent < (time.monotonic() - began) * self._rate:
                other = event(next(devices))
                self._producer.produce(
                    DSP_EVENTS, codec.encode("DspEvent", other), other["device_id"]
                )
                self.sent += 1
            self._producer.poll(0)

    def stop(self) -> None:
        """No further events."""
        self._stopped.set()
        self.join()
        self._producer.flush(10)


def _devices(block: int, partition: int | None) -> Iterator[str]:
    """Reserved Device IDs."""
    for number in count():
        octets = (0x00, 0xDB, 0x12, 0x34, block, *number.to_bytes(3, "big"))
        device = "-".join(f"{octet:02X}" for octet in octets)
        if partition is None or partition_of(device, PARTITIONS) == partition:
            yield device
