"""The common part of the four source programs: arguments, schedule, progress and exit codes.

Progress goes to standard output as one JSON object on each line, ``{"published": n, "of": m}``; the
reason for a failure goes to standard error as one sentence, with exit code 1. With JSON logs both
are log events instead, progress with the same two fields. An interrupt gives exit code 130.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Final, NoReturn, Protocol

from runtime.access.schema_registry import registry
from runtime.logs.program import begin as begin_log
from runtime.logs.program import is_json
from schemas.codec import Codec
from schemas.registry import RegistryUnavailable
from schemas.topics import Source
from sources.planning.events import Malformed, PlannedEvent, Publication
from sources.planning.plan import Plan, build_plan
from sources.publisher import Publisher, SourceError
from sources.schedule import FASTEST, SLOWEST, Schedule, wall_ms
from sources.wire import wire

logger = logging.getLogger(__name__)

_PROGRESS_SECONDS: Final = 0.5
_LONGEST_NAP_SECONDS: Final = 0.1
INTERRUPTED: Final = 130


@dataclass(frozen=True, slots=True)
class Job:
    """One source's part of a plan, with its broker and schedule."""

    plan: Plan
    source: Source
    schedule: Schedule
    bootstrap: str
    codec: Codec

    @property
    def publications(self) -> list[Publication]:
        """The publications of this source, in order."""
        return [p for p in self.plan.publications if p.content.source is self.source]


class Judge(Protocol):
    """Called before and after each event is published; the DSP's checks re-sends."""

    def before(self, event: PlannedEvent, occurred_at: int) -> None:
        """Waits until the event may be published; :class:`SourceError` if it never may."""

    def after(self, event: PlannedEvent, occurred_at: int) -> None:
        """The event was published."""


class NoJudge:
    """The judge of sources that decide nothing."""

    def before(self, event: PlannedEvent, occurred_at: int) -> None:
        """Returns at once."""

    def after(self, event: PlannedEvent, occurred_at: int) -> None:
        """Does nothing."""


class _Progress:
    def __init__(self, total: int) -> None:
        self._total = total
        self._next = 0.0

    def tick(self, published: int) -> None:
        if time.monotonic() >= self._next:
            self.tell(published)

    def tell(self, published: int) -> None:
        self._next = time.monotonic() + _PROGRESS_SECONDS
        progress = {"published": published, "of": self._total}
        if is_json():
            logger.info("published %(published)d of %(of)d", progress, extra=progress)
        else:
            print(json.dumps(progress), flush=True)


def publish(job: Job, judge: Judge) -> int:
    """Publishes the job's events on schedule; the number of records acknowledged."""
    mine = job.publications
    publisher = Publisher(job.bootstrap, job.source.topic)
    _check_partitions(publisher, mine)
    progress = _Progress(len(mine))
    try:
        for publication in mine:
            _wait_until(job.schedule, publication, publisher, progress)
            _publish_one(job, publication, publisher, judge)
            progress.tick(publisher.acknowledged)
        publisher.finish()
    except KeyboardInterrupt:
        publisher.abandon()
        raise
    progress.tell(publisher.acknowledged)
    return publisher.acknowledged


def _check_partitions(publisher: Publisher, publications: Sequence[Publication]) -> None:
    """:class:`SourceError` if a record is to go to a wrong partition and there is only one."""
    astray = any(isinstance(p.content, Malformed) and p.content.astray for p in publications)
    if astray and publisher.partitions == 1:
        raise SourceError(
            f"{publisher.topic} has one partition and the plan sends records to a wrong one: "
            "simulate with two or more (FDT_PARTITIONS)."
        )


def _wait_until(
    schedule: Schedule, publication: Publication, publisher: Publisher, progress: _Progress
) -> None:
    due = schedule.due_ms(publication.publish_ms, publication.ordinal)
    while (left := (due - wall_ms()) / 1000) > 0:
        publisher.poll(min(left, _LONGEST_NAP_SECONDS))
        progress.tick(publisher.acknowledged)


def _publish_one(job: Job, publication: Publication, publisher: Publisher, judge: Judge) -> None:
    event = publication.content
    if isinstance(event, Malformed) or publication.is_copy:
        publisher.send(wire(publication, job.schedule, job.codec, publisher.partitions))
        return
    occurred_at = job.schedule.occurred_at(event, publication.first)
    judge.before(event, occurred_at)
    publisher.send(wire(publication, job.schedule, job.codec, publisher.partitions))
    judge.after(event, occurred_at)


# --- the command line -----------------------------------------------------------------------------


def arguments(source: Source) -> argparse.ArgumentParser:
    """The options that every source program takes."""
    parser = argparse.ArgumentParser(
        prog=f"python -m sources.{source.name.lower()}",
        description=f"Publishes the simulated events of {source.topic}.",
    )
    parser.add_argument("--seed", type=int, default=7, help="seed of the plan")
    parser.add_argument("--requests", type=int, default=20, help="Update Firmware requests")
    parser.add_argument("--devices", type=int, default=5000, help="devices over all requests")
    parser.add_argument(
        "--speed", type=float, default=5000.0,
        help=f"virtual milliseconds a real one, {SLOWEST:g} to {FASTEST:g}",
    )  # fmt: skip
    parser.add_argument("--rate", type=float, help="most records a second over all sources")
    parser.add_argument(
        "--base-ms", type=int, help="wall-clock milliseconds of virtual zero; default: start now"
    )
    parser.add_argument(
        "--bootstrap",
        default=os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9092"),
        help="Kafka bootstrap servers; default: KAFKA_BOOTSTRAP_SERVERS",
    )
    return parser


def job_of(source: Source, options: argparse.Namespace) -> Job:
    """The job of the options; :class:`SourceError` if they are not valid."""
    try:
        plan = build_plan(options.seed, options.requests, options.devices)
        schedule = (
            Schedule.starting(round(wall_ms()), options.speed, options.rate)
            if options.base_ms is None
            else Schedule(options.base_ms, options.speed, options.rate)
        )
    except ValueError as error:
        raise SourceError(f"There is no such simulation: {error}.") from error
    codec = Codec(registry(os.environ.get("SCHEMA_REGISTRY_URL")))
    return Job(plan, source, schedule, options.bootstrap, codec)


def _no_judge(_job: Job) -> Judge:
    return NoJudge()


def run(
    source: Source,
    judge_of: Callable[[Job], Judge] = _no_judge,
    argv: Sequence[str] | None = None,
) -> int:
    """Run a source program; its exit code."""
    begin_log(logging.INFO, stays=True)
    options = arguments(source).parse_args(argv)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        job = job_of(source, options)
        publish(job, judge_of(job))
    except (SourceError, RegistryUnavailable) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return _nobody_listens()
    return 0


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _nobody_listens() -> int:
    """Standard output is closed: end without writing to the pipe again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1
