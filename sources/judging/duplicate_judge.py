"""The simulated DSP's check for duplicates: decides on re-sends by what other sources publish.

The plan contains the expected decision; the judge waits until the published events lead to it. It
reads the other sources' topics from the start of the simulation, only when there is a re-send.
"""

from __future__ import annotations

import time
from typing import Final, Protocol, Self

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, KafkaException, Message, TopicPartition

from runtime import kafka
from schemas.codec import BadRecord, Codec
from schemas.identifiers import DeviceId, FirmwareVersion, InvalidIdentifier, ServiceRequestId
from schemas.topics import SOURCE_TOPICS, TOPIC_SOURCES, Source
from sources.judging.register import Register, word_of
from sources.planning import vocabulary as v
from sources.planning.events import RECORDS, PlannedEvent
from sources.program import Job
from sources.publisher import SourceError

PATIENCE_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.1
_BATCH: Final = 1000
_METADATA_SECONDS: Final = 15.0
_BEFORE_START_MS: Final = 60_000
"""Tolerance between the clocks of broker and publisher."""


class Feed(Protocol):
    """Port: fills a register with the other sources' events about some devices."""

    def watches(self, device_id: str) -> bool:
        """Whether it reads events about the device."""

    def read(self, seconds: float) -> None:
        """Takes in one batch of what has been published, waiting up to ``seconds`` for it."""


class DuplicateJudge:
    """Accepts a re-send once the earlier request has ended, and refuses it while that is open."""

    def __init__(
        self, register: Register, feed: Feed, patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        self._register = register
        self._feed = feed
        self._patience_seconds = patience_seconds

    @classmethod
    def hire(cls, job: Job) -> Self:
        """The judge that reads the broker's topics."""
        register = Register()
        return cls(register, TopicFeed(job, register))

    def before(self, event: PlannedEvent, occurred_at: int) -> None:
        """Waits until the register agrees with the decision to be published; :class:`SourceError`
        if that takes too long."""
        if event.resend is None:
            return
        self._feed.read(0)
        if event.resend == "refused":
            if self._register.open_request(event.device_id, occurred_at) is None:
                raise SourceError(
                    f"The plan refuses a re-send for {event.device_id} and its earlier request has "
                    "ended: the topics hold another run of this seed; use another seed."
                )
            return
        patience = time.monotonic() + self._patience_seconds
        while earlier := self._register.open_request(event.device_id, occurred_at):
            if time.monotonic() > patience:
                raise SourceError(
                    f"Request {earlier} is still open on {event.device_id} after "
                    f"{self._patience_seconds:g} s; check that the other three sources run."
                )
            self._feed.read(_POLL_SECONDS)

    def after(self, event: PlannedEvent, occurred_at: int) -> None:
        """Enters a request that the DSP accepted."""
        if event.code in v.DSP_ACCEPTING and self._feed.watches(event.device_id):
            self._register.take_on(
                event.device_id,
                ServiceRequestId.parse(event.fields["service_request_id"]),
                FirmwareVersion.parse(event.fields["firmware_version"]),
                occurred_at,
            )


class TopicFeed:
    """The other sources' topics, read for events about devices that are sent again."""

    def __init__(self, job: Job, register: Register) -> None:
        self._register = register
        self._codec: Codec = job.codec
        self._watched = {e.device_id for e in job.plan.events if e.resend is not None}
        self._consumer = kafka.consumer(
            job.bootstrap, "sources-dsp-register", {"log_level": kafka.SILENT}
        )
        self._assign(round(job.schedule.start_ms) - _BEFORE_START_MS)

    def watches(self, device_id: str) -> bool:
        """Whether the plan has a re-send for the device."""
        return device_id in self._watched

    def read(self, seconds: float) -> None:
        """Takes in one batch of what has been published, waiting up to ``seconds`` for it."""
        for record in self._consumer.consume(_BATCH, timeout=seconds):
            self._take(record)

    def _assign(self, since_ms: int) -> None:
        try:
            metadata = self._consumer.list_topics(timeout=_METADATA_SECONDS)
            wanted = [
                TopicPartition(topic, partition, since_ms)
                for source, topic in SOURCE_TOPICS.items()
                if source is not Source.DSP and topic in metadata.topics
                for partition in metadata.topics[topic].partitions
            ]
            found = self._consumer.offsets_for_times(wanted, timeout=_METADATA_SECONDS)
        except KafkaException as error:
            raise SourceError(
                f"The DSP's register cannot read the other sources' topics: {error.args[0]}."
            ) from error
        for partition in found:
            if partition.offset == OFFSET_END:
                # No record is that young yet. The client would look up the end later, after what is
                # published meanwhile; older events concern no request of this run.
                partition.offset = OFFSET_BEGINNING
        self._consumer.assign(found)

    def _take(self, record: Message) -> None:
        error, key, topic = record.error(), record.key(), record.topic()
        if error is not None:
            raise SourceError(f"The DSP's register cannot read {topic}: {error.str()}.")
        if key is None or topic is None:
            return
        source = TOPIC_SOURCES[topic]
        try:
            device_id = DeviceId.parse(key.decode())
            if device_id not in self._watched:
                return
            word = word_of(source, self._codec.decode(RECORDS[source], record.value()))
        except (BadRecord, InvalidIdentifier, UnicodeDecodeError):
            return  # A malformed record is about no device; the tracker reports it.
        if word is not None:
            self._register.hear(device_id, word)
