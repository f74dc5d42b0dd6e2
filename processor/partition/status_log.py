"""The status topic for the processor: fenced transactions in, committed records out.

:class:`StatusLog` is the port and :class:`KafkaStatusLog` its implementation, one for each
partition number.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol

import msgspec
from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from runtime import kafka
from runtime.logs.fields import about
from runtime.threads import Explained
from schemas.topics import LARGEST_STATUS, STATUS

logger = logging.getLogger(__name__)

Headers = list[tuple[str, str | bytes | None]]

READ_TIMEOUT_S: Final = 30.0
"""A status partition from which nothing is read for this long, not even its end, is an outage."""

TRANSACTION_TIMEOUT_MS: Final = 300_000
"""A broker that is away for longer aborts the open transaction, and the worker starts again. The
transaction of a dead worker is aborted by its successor's fence, long before this."""

_NEVER_TAKEN: Final = (
    KafkaError.MSG_SIZE_TOO_LARGE,
    KafkaError.RECORD_LIST_TOO_LARGE,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
)
"""Errors of one record that are final."""

_USER_REFUSED: Final = (
    KafkaError._AUTHENTICATION,
    KafkaError.SASL_AUTHENTICATION_FAILED,
)
"""The broker refuses our credentials: an outage until the new ones are in their file (a rotation),
or the operator has corrected them."""
_PAUSE_S: Final = 1.0
_BATCH: Final = 2_000
_POLL_S: Final = 0.02
_END_AFTER_MS: Final = 10
"""How long the broker holds an empty fetch before it reports the end of the partition. A partition
that moves waits for it; the client's default of 500 ms was half of its pause."""


class Fenced(Explained):
    """Another worker owns the partition now, and this one can no longer write."""


class LogUnavailable(ConnectionError):
    """The broker did not answer in time; the caller tries again."""


class Outgoing(msgspec.Struct, frozen=True, gc=False):
    """A record to be appended, to the log's partition number of ``topic``."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers | None = None


@dataclass(frozen=True, slots=True)
class Logged:
    """A committed record of the status partition; ``timestamp`` is its log-append time in ms."""

    key: bytes
    value: bytes | None
    offset: int
    timestamp: int


@dataclass(frozen=True, slots=True)
class Appended:
    """The end of a transaction: the next status offset, and the log-append time of its last record
    in milliseconds since 1970 UTC."""

    next_offset: int
    timestamp: int


class LogFailed(Explained):
    """The broker refused finally, or it is unknown whether it accepted: a new session has to read
    the log to its end."""


class StatusLog(Protocol):
    """One partition of the status topic."""

    def fence(self) -> None:
        """Take the partition over: its former owner can no longer write."""

    def bounds(self) -> tuple[int, int]:
        """(first offset, end offset) of the committed records."""

    def read(self, start: int, end: int) -> Iterator[list[Logged]]:
        """Committed records from ``start`` up to ``end`` (excluded), in batches."""

    def append(self, records: Sequence[Outgoing]) -> Appended:
        """Commit ``records``, the last of which goes to the status topic, in one transaction.

        Waits for a broker that does not answer. Raises :class:`Fenced` if another owner took over
        (nothing was committed), and :class:`LogFailed` if the outcome is unknown or a record is
        refused finally.
        """

    def close(self) -> None:
        """Close the connections."""


class KafkaStatusLog:
    """Status partition ``number`` at a broker, with a ``transactional.id`` of its own."""

    def __init__(
        self,
        bootstrap: str,
        group_id: str,
        number: int,
        on_abort: Callable[[], None] = lambda: None,
    ) -> None:
        self._bootstrap = bootstrap
        self._on_abort = on_abort
        self._number = number
        self._name = f"{group_id}-{number}"
        self._producer: Producer | None = None

    def fence(self) -> None:
        """Begin a new producer session with the partition's ``transactional.id``."""
        self._producer = kafka.producer(
            self._bootstrap,
            self._name,
            {
                "transactional.id": self._name,
                "compression.type": "lz4",
                "linger.ms": 5,
                "queue.buffering.max.messages": 1_000_000,
                "message.max.bytes": LARGEST_STATUS,
                "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS,
                "log_level": 3,
            },
        )
        self._connect()
        self._retrying(lambda: self._open_producer().init_transactions(READ_TIMEOUT_S))

    def _connect(self) -> None:
        """Connect before the session is requested: a client that is not connected repeats the
        request after 500 ms (measured: 20 of 48 sessions took that long, with this 6)."""
        try:
            self._open_producer().list_topics(STATUS, timeout=READ_TIMEOUT_S)
        except KafkaException as error:
            raise LogUnavailable(f"{STATUS}[{self._number}]: {error}") from error

    def bounds(self) -> tuple[int, int]:
        """See :meth:`StatusLog.bounds`."""
        consumer = self._consumer()
        try:
            low, high = consumer.get_watermark_offsets(
                TopicPartition(STATUS, self._number), timeout=READ_TIMEOUT_S
            )
        except KafkaException as error:
            raise LogUnavailable(f"{STATUS}[{self._number}]: {error}") from error
        finally:
            consumer.close()
        return low, high

    def read(self, start: int, end: int) -> Iterator[list[Logged]]:
        """Committed records from ``start`` to ``end`` (excluded); transaction markers and compacted
        offsets give none. Raises :class:`LogUnavailable`."""
        consumer = self._consumer()
        try:
            partition = TopicPartition(STATUS, self._number, start)
            consumer.assign([partition])
            position, heard = start, time.monotonic()
            while position < end:
                # consume() waits for a full batch or the time-out, whichever comes first.
                messages = consumer.consume(_BATCH, timeout=_POLL_S)
                if messages:
                    logged, at_end = self._logged(messages)
                    yield [record for record in logged if record.offset < end]
                    position = end if at_end else logged[-1].offset + 1
                    heard = time.monotonic()
                elif time.monotonic() - heard > READ_TIMEOUT_S:
                    raise LogUnavailable(
                        f"{STATUS}[{self._number}] gave nothing at offset {position} of {end}"
                    )
        finally:
            consumer.close()

    def append(self, records: Sequence[Outgoing]) -> Appended:
        """See :meth:`StatusLog.append`; an abortable transaction is repeated as a whole."""
        careful = False
        while True:
            try:
                return self._transaction(records, careful)
            except KafkaException as error:
                self._abort_or_raise(error.args[0])
                careful = True

    def close(self) -> None:
        """End the session; the next owner's fence aborts an open transaction."""
        if self._producer is not None:
            self._producer.flush(1.0)
            self._producer = None

    def _transaction(self, records: Sequence[Outgoing], careful: bool) -> Appended:
        """One attempt. A ``careful`` one, after a failure, gets the delivery report of each record:
        one that the broker will never take raises :class:`LogFailed` and is not repeated."""
        producer = self._open_producer()
        last: list[tuple[int, int]] = []
        refused: list[str] = []

        def watch(record: Outgoing) -> Callable[[KafkaError | None, Message], None]:
            def heard(error: KafkaError | None, _: Message) -> None:
                if error is not None and error.code() in _NEVER_TAKEN:
                    refused.append(_told(record, error))

            return heard

        def delivered(error: KafkaError | None, message: Message) -> None:
            if error is None:
                last.append((message.offset() or 0, message.timestamp()[1]))

        producer.begin_transaction()
        for record in records[:-1]:
            try:
                producer.produce(
                    record.topic,
                    record.value,
                    record.key,
                    self._number,
                    headers=record.headers,
                    on_delivery=watch(record) if careful else None,
                )
            except KafkaException as error:
                if error.args[0].code() not in _NEVER_TAKEN:
                    raise
                told = _told(record, error.args[0])
                raise LogFailed(f"status partition {self._number}: {told}") from error
        closing = records[-1]
        producer.produce(
            closing.topic, closing.value, closing.key, self._number, on_delivery=delivered
        )
        try:
            self._retrying(lambda: producer.commit_transaction(READ_TIMEOUT_S))
        except KafkaException as error:
            if refused:
                raise LogFailed(f"status partition {self._number}: {refused[0]}") from error
            raise
        offset, timestamp = last[-1]
        return Appended(offset + 1, timestamp)

    def _abort_or_raise(self, error: KafkaError) -> None:
        if error.code() in (
            KafkaError._FENCED,
            KafkaError.PRODUCER_FENCED,
            KafkaError.INVALID_PRODUCER_EPOCH,
        ):
            raise Fenced(f"status partition {self._number} has another owner: {error.str()}")
        if error.fatal() or not error.txn_requires_abort():
            raise LogFailed(f"status partition {self._number}: {error.str()}")
        logger.warning(
            "status partition %d: transaction aborted (%s), again",
            self._number,
            error.str(),
            extra=about(topic=STATUS, partition=self._number),
        )
        self._on_abort()
        abort = partial(self._open_producer().abort_transaction, READ_TIMEOUT_S)
        self._retrying(abort, aborting=True)

    def _retrying(self, call: Any, *, aborting: bool = False) -> None:
        """Repeat a transactional call while its error is retriable."""
        while True:
            try:
                call()
                return
            except KafkaException as error:
                refused = error.args[0].code() in _USER_REFUSED and (
                    aborting or not error.args[0].txn_requires_abort()
                )
                if not refused and not error.args[0].retriable():
                    raise
                if refused:
                    time.sleep(_PAUSE_S)  # returned at once, and stays until it is corrected
                logger.warning(
                    "status partition %d: waiting for the broker (%s)",
                    self._number,
                    error.args[0].str(),
                    extra=about(topic=STATUS, partition=self._number),
                )

    def _logged(self, messages: list[Message]) -> tuple[list[Logged], bool]:
        """The records among polled messages, and whether the partition's end was reached."""
        logged: list[Logged] = []
        for message in messages:
            error = message.error()
            if error is None:
                key = message.key()
                assert key is not None
                logged.append(
                    Logged(key, message.value(), message.offset() or 0, message.timestamp()[1])
                )
            elif error.code() == KafkaError._PARTITION_EOF:
                return logged, True
            else:
                raise LogUnavailable(f"{STATUS}[{self._number}]: {error.str()}")
        return logged, False

    def _consumer(self) -> Consumer:
        settings = {**kafka.COMMITTED, "fetch.wait.max.ms": _END_AFTER_MS, "log_level": 3}
        return kafka.consumer(self._bootstrap, f"{self._name}-reader", settings)

    def _open_producer(self) -> Producer:
        assert self._producer is not None, "fence() comes first"
        return self._producer


def _told(record: Outgoing, error: KafkaError) -> str:
    """The sentence for an operator about a record that is refused finally."""
    key = (record.key or b"").decode(errors="replace")
    size = len(record.value or b"")
    return (
        f"{record.topic} does not take the record of {key} ({size} bytes): {error.str()}. Run 'fdt "
        "topics' for the settings and rights that it needs, then start again"
    )
