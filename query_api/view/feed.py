"""The feed: one thread that reads the status topic and applies it to the view, batch by batch.

It starts at the offsets in the view, reads committed records only, and waits for a broker that is
away. Any other failure ends the process: a view that silently stopped would give wrong answers.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from query_api.view.folder import OpenStore, condemn, open_view
from query_api.view.progress import Progress
from query_api.view.status_topic import (
    CLIENT_LOG_LEVEL,
    BrokerAway,
    KafkaStatusLog,
    Watch,
    is_outage,
    is_refusal,
    not_allowed,
    start_offsets,
)
from query_api.view.status_view import Batch, Control, Covered, View
from runtime import kafka
from runtime.logs.fields import about
from runtime.threads import Explained, watched
from schemas.codec import BadRecord, Codec
from schemas.identifiers import DeviceId, InvalidIdentifier
from schemas.registry import RegistryUnavailable
from schemas.topics import CONTROL_KEY, STATUS
from storage.store import StoreDamaged

logger = logging.getLogger(__name__)

BATCH_RECORDS: Final = 1_000
GATHER_S: Final = 0.005
"""How long a batch waits for further records after the first."""
FETCH_AHEAD: Final = {
    "queued.max.messages.kbytes": 1_024,
    "fetch.queue.backoff.ms": 10,
    "fetch.message.max.bytes": 32 * 1_024,
}
"""Limits of the client's prefetching. The client has one queue for all partitions, where a record
of a quiet partition waits behind everything fetched from the others. So the queue is short, it is
refilled soon after it was full (the default is a second), and a fetch brings little of each."""
IDLE_S: Final = 0.25
FIRST_WAIT_S: Final = 0.5
LONGEST_WAIT_S: Final = 10.0

T = TypeVar("T")


class FeedFailed(Explained):
    """The feed failed; the message says why, and what to do."""


class Feed:
    """Keeps the view in ``folder`` up to date with the status topic.

    ``on_failure`` is called once, from the thread that failed, when the view can no longer be
    served; :attr:`failure` then holds the reason.
    """

    def __init__(
        self,
        bootstrap: str,
        codec: Codec,
        folder: Path,
        open_store: OpenStore,
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self.progress = Progress()
        self.failure: BaseException | None = None
        self._bootstrap = bootstrap
        self._codec = codec
        self._folder = folder
        self._open_store = open_store
        self._on_failure = on_failure
        self._stopping = threading.Event()
        self._thread = watched(
            "status-feed", self._follow, stopping=self._stopping.is_set, on_end=self.fail
        )
        self._view: View | None = None
        self._broker_answers = True

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and close the view; nothing may read it afterwards."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()
        if self._view is not None:
            self._view.close()
            self._view = None

    def fail(self, error: BaseException) -> None:
        """End the process because of ``error``: the view can no longer be served.

        A damaged view is marked, so that the next start rebuilds it.
        """
        if isinstance(error, StoreDamaged):
            condemn(self._folder, str(error))
        if self.failure is None:
            self.failure = error
            self._stopping.set()
            self._on_failure(error)

    def _follow(self) -> None:
        log = KafkaStatusLog(self._bootstrap)
        facts = self._patiently(log.facts)
        if facts is None:
            return
        self._view = view = open_view(self._folder, facts, self._open_store)
        positions = start_offsets(view.next_offsets(), facts)
        self.progress.begin(view, positions, facts.end)
        self.progress.hear(facts.broker_ms)
        told = about(topic=STATUS)
        logger.info("reading %s from %s to %s and on", STATUS, positions, facts.end, extra=told)
        watch = log.watch(facts)
        with self._consumer(positions) as consumer:
            while not self._stopping.is_set():
                self._look(watch)
                self._advance(view, _fetched(consumer))

    def _advance(self, view: View, messages: list[Message]) -> None:
        """Apply messages to the view, then update the progress."""
        records, ends = _sorted_out(messages)
        if records:
            batch = self._patiently(lambda: batch_of(records, self._codec))
            if batch is None:
                return
            view.apply(batch)
            for partition, covered in batch.covered.items():
                ends[partition] = max(covered.next_offset, ends.get(partition, 0))
                self.progress.hear(covered.seen_at)
        if ends and self.progress.reach(ends):
            logger.info("caught up: %d items", sum(view.totals().values()))

    def _look(self, watch: Watch) -> None:
        try:
            ends = watch.poll()
        except BrokerAway as error:
            self._say_away(error)
            return
        if (events := watch.event_ends()) is not None:
            self.progress.see_event_ends(events)
        if ends is not None:
            self.progress.see_ends(ends)
            if not self._broker_answers:
                logger.info("the broker answers again")
            self._broker_answers = True

    def _say_away(self, error: Exception) -> None:
        if self._broker_answers:
            logger.warning("%s; reads go on, and their lag is unknown", error)
        self._broker_answers = False

    def _patiently(self, ask: Callable[[], T]) -> T | None:
        """The answer of ``ask``, asked again during an outage; ``None`` if the feed is stopped."""
        wait = FIRST_WAIT_S
        while not self._stopping.is_set():
            try:
                return ask()
            except (BrokerAway, RegistryUnavailable) as error:
                logger.warning("%s; asking again in %.1f s", error, wait)
                self._stopping.wait(wait)
                wait = min(2 * wait, LONGEST_WAIT_S)
        return None

    @contextmanager
    def _consumer(self, positions: dict[int, int]) -> Iterator[Consumer]:
        consumer = kafka.consumer(
            self._bootstrap,
            "fdt-read-side",
            {
                **kafka.COMMITTED,
                "auto.offset.reset": "error",
                "log_level": CLIENT_LOG_LEVEL,
                **FETCH_AHEAD,
            },
        )
        try:
            consumer.assign([TopicPartition(STATUS, n, offset) for n, offset in positions.items()])
            yield consumer
        finally:
            consumer.close()


def batch_of(messages: Iterable[Message], codec: Codec) -> Batch:
    """The batch of some messages; only the last one of each key is decoded.

    Raises :class:`FeedFailed` for a record that the processor did not write, and
    :class:`~schemas.registry.RegistryUnavailable` if its schema is not available now.
    """
    batch = Batch()
    rows: dict[bytes, Message] = {}
    controls: dict[int, Message] = {}
    for message in messages:
        partition, offset = _place(message)
        covered = batch.covered.get(partition)
        if covered is None:
            covered = batch.covered[partition] = Covered(0, 0)
        covered.next_offset = offset + 1
        covered.seen_at = max(covered.seen_at, _logged_at(message))
        key = message.key() or b""
        if key == CONTROL_KEY:
            controls[partition] = message
        else:
            rows[key] = message
    for key, message in rows.items():
        device, state = _row(key, message, codec)
        batch.rows[device], batch.stands[device] = state, _place(message)[0]
    for partition, message in controls.items():
        batch.controls[partition] = _control(message, codec)
    return batch


def _row(key: bytes, message: Message, codec: Codec) -> tuple[DeviceId, bytes | None]:
    try:
        device = DeviceId.parse(key.decode())
        value = message.value()
        if value is None:
            return device, None
        state: bytes = codec.decode_field("FirmwareStatus", "state", value)
    except (UnicodeDecodeError, InvalidIdentifier, BadRecord) as error:
        raise _foreign(message, error) from error
    return device, state


def _control(message: Message, codec: Codec) -> Control:
    try:
        fields = codec.decode("ProcessorControl", message.value())
    except BadRecord as error:
        raise _foreign(message, error) from error
    folded = {position["topic"]: position["next_offset"] for position in fields["positions"]}
    return Control(_logged_at(message), fields["partition_time"], fields["last_received"], folded)


def _foreign(message: Message, error: Exception) -> FeedFailed:
    return FeedFailed(
        f"{STATUS} partition {message.partition()} offset {message.offset()} is not a record of "
        f"the processor ({error}): find out who wrote it; nobody else may write to this topic."
    )


def _logged_at(message: Message) -> int:
    return int(message.timestamp()[1])


def _place(message: Message) -> tuple[int, int]:
    """(partition, offset) of a message or of an end-of-partition event."""
    partition, offset = message.partition(), message.offset()
    assert partition is not None
    assert offset is not None
    return partition, offset


def _fetched(consumer: Consumer) -> list[Message]:
    """The messages that have arrived; waits up to :data:`IDLE_S` for the first."""
    first = consumer.poll(IDLE_S)
    return [] if first is None else [first, *consumer.consume(BATCH_RECORDS - 1, GATHER_S)]


def _sorted_out(messages: list[Message]) -> tuple[list[Message], dict[int, int]]:
    """The records, and partition -> end offset of the end-of-partition events.

    Raises :class:`FeedFailed` for an error that is no outage.
    """
    records: list[Message] = []
    ends: dict[int, int] = {}
    for message in messages:
        error = message.error()
        if error is None:
            records.append(message)
        elif error.code() == KafkaError._PARTITION_EOF:
            partition, offset = _place(message)
            ends[partition] = offset
        elif is_outage(error):
            logger.warning("%s: %s", STATUS, error.str(), extra=about(topic=STATUS))
        else:
            raise _unreadable(error)
    return records, ends


def _unreadable(error: KafkaError) -> FeedFailed:
    if error.code() == KafkaError._AUTO_OFFSET_RESET:
        return FeedFailed(
            f"{STATUS} no longer holds the offsets that come next ({error.str()}): start again, "
            "and the view is rebuilt."
        )
    if is_refusal(error):
        return FeedFailed(not_allowed(f"{STATUS} cannot be read", error))
    return FeedFailed(f"{STATUS} cannot be read: {error.str()}")
