"""The contenders: what each does of the work, and how one run of it is made."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final

from bench import throughput
from bench.load import PARTITIONS
from bench.peers.environments import quix_python, streams_command
from bench.peers.running import LONGEST_S, Meter, PeerFailed, Ran, timed
from bench.sampling import on_disk
from fdt.kafka.topics import ensure_topics, specs_of
from fdt.settings import Settings
from runtime import kafka
from schemas import compiled
from schemas.topics import DEAD_LETTERS, SOURCE_TOPICS, STATUS

_SCHEMAS: Final = {
    name: (number, file)
    for number, (name, file) in enumerate(
        zip(
            SOURCE_TOPICS.values(),
            ("dsp_event.avsc", "csp_event.avsc", "comms_hub_event.avsc", "ssmi_event.avsc"),
            strict=True,
        ),
        1,
    )
}
"""Topic -> (schema id, file), as ``registry.json`` lists them."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where contenders run: one broker with the events published, and a folder for each run."""

    bootstrap: str
    broker_folder: Path
    folder: Path
    events: int
    say: Callable[[str], None]

    def changelog(self, *names: str) -> int:
        """Bytes that the broker holds of topics whose name contains one of these."""
        logs = [
            p for p in (self.broker_folder / "log").iterdir() if any(n in p.name for n in names)
        ]
        return sum(on_disk([p]).listed for p in logs if p.is_dir())


@dataclass(frozen=True, slots=True)
class Contender:
    """One row of the table."""

    name: str
    does: str
    run: Callable[[Stage, str], Ran]
    share: float = 1.0
    """The share of the events that it is given: a slow one gets fewer."""


def reading(stage: Stage, name: str) -> Ran:
    """confluent-kafka consuming the event topics, and nothing else: the upper bound of any
    processor."""
    spent = time.process_time()
    rate = throughput.reading_only(stage.bootstrap, stage.events)
    return Ran(rate, (time.process_time() - spent) * 1e6 / stage.events, 0.0, 0.0, 0.0)


def processor(workers: int, rules: str = "compiled") -> Callable[[Stage, str], Ran]:
    """This processor with so many workers, from empty status topic and empty folders.

    Compiled rules are asked for; where none were built the plain ones run, and the table says so.
    """

    def run(stage: Stage, name: str) -> Ran:
        _empty_again(stage.bootstrap)
        meter, folder = Meter(), stage.folder / name
        with ExitStack() as stack:
            started = [
                stack.enter_context(
                    throughput.command(
                        "process",
                        stage.bootstrap,
                        folder,
                        FDT_WORKER_NAME=f"{name}-{n}",
                        FDT_GROUP_ID=name,
                        FDT_RULES=rules,
                    )
                )
                for n in range(workers)
            ]
            deadline = time.monotonic() + LONGEST_S
            while throughput.covered(stage.bootstrap) < stage.events:
                for process in started:
                    meter.look(process)
                    if process.poll() is not None:
                        raise PeerFailed(f"a worker ended: see {folder / 'log'}")
                if time.monotonic() > deadline:
                    raise PeerFailed("the processor did not finish")
                time.sleep(0.5)
        return Ran(
            throughput.rate(stage.bootstrap, folder / "log", stage.events),
            meter.cpu_us(stage.events),
            meter.memory_mib,
            on_disk([folder]).allocated / 2**20,
            stage.changelog(STATUS) / stage.events,
        )

    return run


def documented(stage: Stage, name: str) -> Ran:
    """Faust as its guide shows it."""
    folder = stage.folder / name
    module = [sys.executable, "-m", "bench.faust_documented"]
    command = [*module, stage.bootstrap, str(folder), str(PARTITIONS), str(stage.events)]
    return timed(command, folder, stage.events, lambda: stage.changelog("documented"))


def quix(stage: Stage, name: str) -> Ran:
    """Quix Streams, one state a topic."""
    folder = stage.folder / name
    program = Path(__file__).with_name("quix_latest.py")
    command: list[str | Path] = [quix_python(stage.say), program, stage.bootstrap, folder]
    return timed(
        [*command, str(stage.events), *_topics()],
        folder,
        stage.events,
        lambda: stage.changelog(f"peer-{name}"),
    )


def streams(guarantee: str) -> Callable[[Stage, str], Ran]:
    """Kafka Streams with one thread, under one of its guarantees."""

    def run(stage: Stage, name: str) -> Ran:
        folder = stage.folder / name
        command = [*streams_command(stage.say), stage.bootstrap, folder, guarantee]
        return timed(
            [*command, str(stage.events), *_topics()],
            folder,
            stage.events,
            lambda: stage.changelog(f"peer-{name}"),
        )

    return run


_LATEST: Final = "Avro decode, latest event of a device, RocksDB, changelog"
_ALL: Final = "all rules, timeline, dead letters, retention; exactly once, one transaction a batch"

READING: Final = "reading only"
"""Left out of the chart, where it would make all other bars short."""
CONTENDERS: Final = (
    Contender(READING, "nothing: confluent-kafka consumes", reading),
    Contender(f"this processor, one worker, {compiled.which()} rules", _ALL, processor(1)),
    Contender(f"this processor, two workers, {compiled.which()} rules", _ALL, processor(2)),
    Contender("this processor, one worker, plain rules", _ALL, processor(1, "plain")),
    Contender(
        "Kafka Streams, exactly once", f"{_LATEST}; transactions", streams("exactly_once_v2")
    ),
    Contender("Kafka Streams, at least once", _LATEST, streams("at_least_once")),
    Contender("Quix Streams, at least once", f"{_LATEST}; topics not joined", quix),
    Contender("Faust as documented", f"{_LATEST}; one event at a time", documented, 0.2),
)


def _topics() -> Iterator[str]:
    files = resources.files("schemas") / "avro"
    for topic, (number, file) in _SCHEMAS.items():
        yield f"{topic}={number}={files / file}"


def _empty_again(bootstrap: str) -> None:
    """Delete and create the topics that this processor writes to."""
    admin = kafka.admin_client(bootstrap)
    there = {STATUS, DEAD_LETTERS} & set(admin.list_topics(timeout=10).topics)
    for future in admin.delete_topics(sorted(there)).values() if there else ():
        future.result(30)
    deadline = time.monotonic() + 30
    while {STATUS, DEAD_LETTERS} & set(admin.list_topics(timeout=10).topics):
        if time.monotonic() > deadline:
            raise PeerFailed("the broker keeps topics that were deleted")
        time.sleep(0.1)
    ensure_topics(bootstrap, specs_of(Settings()))
