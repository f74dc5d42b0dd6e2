"""``python -m bench.volume``: what analysts' commands cost at the size of a year's campaigns.

Publishes ``--events`` events (10,000,000) of requests of 50,000 devices on a real Kafka, six for
each device, over four months of event time. A worker folds them and a read side shows them;
then ``?as_at=`` of some items, ``fdt export``, a question by DuckDB, ``fdt verify`` and
``fdt replay --table``, which is also killed half-way and run again, to the same digests; at last,
the worker stopped, ``fdt rebuild``. One row a step, with its peak memory; the figures are JSON on
the last line.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any, Final

import httpx
from rich.console import Console

from bench.load import DEVICES_OF_THE_LARGEST, accepted, device_of
from bench.read_side import items, serving
from bench.sampling import on_disk, peak_mib
from bench.throughput import command, covered
from fdt.brokers.finding import LocalKafka
from fdt.kafka.topics import ensure_topics, specs_of
from fdt.settings import Settings
from runtime import kafka
from schemas.codec import Codec
from schemas.topics import Source

MONTHS: Final = timedelta(days=120)
"""Event time over which the events are spread; they are accepted and kept for longer."""
SPREAD_MS: Final = round(MONTHS.total_seconds() * 1000)
_BELIEVED: Final = MONTHS + timedelta(days=30)
STEPS: Final = 6
INSTANTS: Final = 200
"""Items that are asked for as they were at another time."""
_DONE_S: Final = 7_200.0
_QUESTION: Final = """
    SELECT code, date_trunc('week', occurred_at) AS week, count(*) AS failures
    FROM read_parquet('{folder}/events/**/*.parquet', union_by_name = true)
    WHERE code IN ('N61', '8F89') GROUP BY ALL ORDER BY failures DESC
"""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Step:
    """One command, and what it took."""

    name: str
    seconds: float
    rate: float
    """Events a second."""
    peak_mib: float
    """Of the largest of its processes."""
    code: int


class _Template:
    """An encoded record whose IDs and time are replaced: encoding each record costs ten times as
    much."""

    def __init__(self, codec: Codec, source: Source, fields: dict[str, Any]) -> None:
        event_id, device = str(uuid.UUID(int=1)), device_of(1)
        now = round(time.time() * 1000)
        values = {**fields, "event_id": event_id, "device_id": device, "occurred_at": now}
        data = codec.encode(_RECORDS[source], values)
        stamp = _varint(now)
        cuts = sorted(
            (data.index(part), data.index(part) + len(part), name)
            for name, part in (
                ("event", event_id.encode()),
                ("device", device.encode()),
                ("request", str(_request(1)).encode()),
                ("time", stamp),
            )
            if part in data
        )
        self.topic = source.topic
        self._names = [name for _, _, name in cuts]
        starts = [0, *[end for _, end, _ in cuts]]
        ends = [*[start for start, _, _ in cuts], len(data)]
        self._rest = [data[start:end] for start, end in zip(starts, ends, strict=True)]

    def fill(self, values: dict[str, bytes]) -> bytes:
        """The record with these texts."""
        parts = [self._rest[0]]
        for name, rest in zip(self._names, self._rest[1:], strict=True):
            parts += (values[name], rest)
        return b"".join(parts)


_RECORDS: Final = {
    Source.DSP: "DspEvent",
    Source.CSP: "CspEvent",
    Source.COMMS_HUB: "CommsHubEvent",
}


def _varint(number: int) -> bytes:
    """A long as Avro writes it."""
    rest, found = number << 1, bytearray()
    while rest > 0x7F:
        found.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([*found, rest])


def _request(number: int) -> str:
    """The Service Request ID of a device by its number; as long for every one."""
    told: str = accepted(number)["service_request_id"]
    stem = told.rpartition(":")[0]
    return f"{stem}:{1_600_000_000_000 + number // DEVICES_OF_THE_LARGEST}"


def _templates() -> list[Callable[[int], _Template]]:
    """For each step of a journey, which record a device gets."""
    codec = Codec()
    dsp = {**accepted(1), "service_request_id": _request(1)}
    csp = {
        "service_request_id": _request(1),
        "device_type": "ESME",
        "firmware_version": "0002012F",
        "csp_region": "North",
        "comms_hub_id": None,
        "detail": None,
    }
    hub = {
        "service_request_id": None,
        "firmware_version": "0002012F",
        "running_version": None,
        "image_hash": None,
        "comms_hub_id": None,
        "message_code": None,
        "detail": None,
    }

    def of_csp(code: str) -> _Template:
        return _Template(codec, Source.CSP, {**csp, "code": code})

    def of_hub(code: str, result: int | None) -> _Template:
        return _Template(codec, Source.COMMS_HUB, {**hub, "code": code, "result_code": result})

    opened, approved = _Template(codec, Source.DSP, dsp), of_csp("APPROVED")
    at_hub, not_at_hub = of_csp("N60"), of_csp("N61")
    on_han, not_on_han = of_hub("8F8A", 0), of_hub("8F89", 3)
    held, active = of_hub("8F72", None), of_hub("CS06", 0)
    return [
        lambda _: opened,
        lambda _: approved,
        lambda number: not_at_hub if number % 20 == 0 else at_hub,
        lambda number: not_on_han if number % 33 == 0 else on_han,
        lambda _: held,
        lambda _: active,
    ]


def records(events: int) -> Iterator[tuple[str, bytes, bytes]]:
    """(topic, key, value) of so many events, wave after wave of devices, in event time."""
    began = round(time.time() * 1000) - SPREAD_MS
    steps, devices, count = _templates(), -(-events // STEPS), 0
    for first in range(0, devices, DEVICES_OF_THE_LARGEST):
        wave = range(first, min(first + DEVICES_OF_THE_LARGEST, devices))
        keys = [device_of(number).encode() for number in wave]
        request = _request(first).encode()
        for step, chosen in enumerate(steps):
            for number, key in zip(wave, keys, strict=True):
                if count == events:
                    return
                stamp = _varint(began + count * SPREAD_MS // events)
                event = b"%08x-0000-4000-8000-%012x" % (step, number)
                values = {"event": event, "device": key, "request": request, "time": stamp}
                template = chosen(number)
                yield template.topic, key, template.fill(values)
                count += 1


def publish(bootstrap: str, events: int) -> float:
    """All of them, acknowledged; in seconds."""
    settings = {
        "compression.type": "lz4",
        "linger.ms": 50,
        "queue.buffering.max.messages": 500_000,
    }
    producer = kafka.producer(bootstrap, "bench", settings)
    began = time.monotonic()
    for count, (topic, key, value) in enumerate(records(events)):
        while True:
            try:
                producer.produce(topic, value, key)
                break
            except BufferError:
                producer.poll(0.1)
        if count % 1_000 == 0:
            producer.poll(0)
    if left := producer.flush(600):
        raise RuntimeError(f"{left} records were not acknowledged")
    return time.monotonic() - began


def _run(
    name: str, events: int, arguments: Sequence[str], environment: dict[str, str]
) -> tuple[Step, str]:
    """Run one ``fdt`` command; its peak memory and its output."""
    began = time.monotonic()
    with tempfile.TemporaryFile() as out:
        process = _started(arguments, environment, out)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        told = out.read().decode()
    seconds = time.monotonic() - began
    peak = used.ru_maxrss / 1024
    return Step(name, seconds, events / seconds, peak, process.returncode), told


def _killed(arguments: Sequence[str], environment: dict[str, str], after_s: float) -> None:
    """Start the same command and kill it: its child processes must notice."""
    with tempfile.TemporaryFile() as out:
        process = _started(arguments, environment, out)
        time.sleep(after_s)
        process.kill()
        process.wait()


def _started(
    arguments: Sequence[str], environment: dict[str, str], out: IO[bytes]
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "fdt", *arguments], env={**os.environ, **environment}, stdout=out
    )


def _answered(folder: Path) -> float:
    """Seconds that DuckDB takes for failures by reason and week."""
    import duckdb

    began = time.monotonic()
    with duckdb.connect() as database:
        found = database.execute(_QUESTION.format(folder=folder)).fetchall()
    if not found:
        raise RuntimeError("the export holds no failures")
    return time.monotonic() - began


def _as_at(api: httpx.Client, devices: int) -> list[float]:
    """Milliseconds of each answer to what some items were at some instant of the last minute, in
    order; a 404 where nothing of an item had come yet."""
    chosen, now, waits = random.Random(3), datetime.now(UTC), list[float]()
    for _ in range(INSTANTS):
        number = chosen.randrange(devices)
        at = now - timedelta(seconds=chosen.uniform(0, 60))
        path = f"/v1/devices/{device_of(number)}/service-requests/{_request(number)}"
        began = time.perf_counter()
        answer = api.get(path, params={"as_at": at.isoformat()})
        if answer.status_code not in {httpx.codes.OK, httpx.codes.NOT_FOUND}:
            raise RuntimeError(f"{path} as at {at} was not answered: {answer.text}")
        waits.append((time.perf_counter() - began) * 1000)
    return sorted(waits)


def measure(bootstrap: str, folder: Path, events: int, say: Say) -> dict[str, Any]:
    """Every step; the processor's table and the read side's view are those that are verified."""
    seconds = publish(bootstrap, events)
    say(f"published {events:,} events in {seconds:.0f} s: {events / seconds:,.0f} a second")
    data, steps = folder / "data", list[Step]()
    told = f"P{_BELIEVED.days}D"
    trusting = {"FDT_RETENTION": told, "FDT_CLOCK_SKEW_PAST": told}
    named = {"KAFKA_BOOTSTRAP_SERVERS": bootstrap, "FDT_DATA_DIR": str(data), **trusting}

    def run(name: str, *arguments: str) -> str:
        one, told = _run(name, events, arguments, named)
        steps.append(one)
        say(f"{name}: {one.rate:,.0f} events/s, {one.peak_mib:.0f} MiB, ends with {one.code}")
        return told

    with (
        command("process", bootstrap, data, log="worker.log", **trusting) as worker,
        serving(bootstrap, data, FDT_SEARCHES_PER_MINUTE="10000000", **trusting) as (_, api),
    ):
        began = time.monotonic()
        while covered(bootstrap) < events:
            if time.monotonic() - began > _DONE_S:
                raise RuntimeError(f"the worker read {covered(bootstrap):,} of {events:,}")
            time.sleep(2)
        folded = Step("worker", time.monotonic() - began, 0.0, peak_mib(worker.pid), 0)
        rate = events / folded.seconds
        say(f"worker: {rate:,.0f} events/s, {folded.peak_mib:.0f} MiB")
        while items(api) < -(-events // STEPS):
            time.sleep(1)
        waits = _as_at(api, -(-events // STEPS))
        say(f"as_at of an item: p50 {waits[len(waits) // 2]:.1f} ms, at most {waits[-1]:.1f} ms")
        run("fdt export --only events", "export", str(folder / "export"), "--only", "events")
        asked = _answered(folder / "export")
        say(f"DuckDB, failures by reason and week: {asked:.2f} s")
        run("fdt verify", "verify")
        whole = run("fdt replay --table", "replay", "--json", "--table", str(folder / "table"))
        again = ("replay", "--json", "--table", str(folder / "again"))
        _killed(again, named, after_s=steps[-1].seconds / 2)
        resumed = run("fdt replay --table, killed half-way, again", *again)
        if resumed != whole or not whole:
            raise RuntimeError(f"the replay that was killed came to {resumed}, not {whole}")
        say("the same digests")
    run("fdt rebuild", "rebuild")
    return {
        "events": events,
        "published_per_s": events / seconds,
        "worker_per_s": rate,
        "worker_peak_mib": folded.peak_mib,
        "as_at_p50_ms": waits[len(waits) // 2],
        "as_at_max_ms": waits[-1],
        "duckdb_s": asked,
        "export_bytes": on_disk([folder / "export"]).listed,
        "steps": [asdict(step) for step in steps],
    }


def main() -> None:
    """On a broker of its own."""
    parser = argparse.ArgumentParser(prog="python -m bench.volume", description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    given = parser.parse_args()
    say = Console(stderr=True).print
    with tempfile.TemporaryDirectory(prefix="fdt-volume-") as name:
        broker = LocalKafka(Path(name) / "kafka", heap_mb=1024)
        broker.start()
        wanted = Settings(retention=_BELIEVED, clock_skew_past=_BELIEVED)
        try:
            assert ensure_topics(broker.bootstrap_servers, specs_of(wanted)) == []
            found = measure(broker.bootstrap_servers, Path(name), given.events, say)
        finally:
            broker.stop()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
