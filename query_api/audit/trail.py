"""The audit trail: what is done is written down before it is answered, and published soon after.

While the broker is away entries wait on disk. Only when that room is used up is a question
refused: nobody looks things up without leaving a trace.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final, Protocol

from confluent_kafka import KafkaError, Message, Producer

from query_api.access import Caller
from query_api.audit.entry import RECORD, Action, AuditEntry, Outcome, entry_of, wall_ms
from query_api.audit.spool import Spool, entries
from schemas.codec import Codec
from schemas.partitioning import PRODUCER_PARTITIONER
from schemas.registry import RegistryUnavailable
from schemas.topics import AUDIT

logger = logging.getLogger(__name__)

PUBLISH_EVERY_S: Final = 0.5
_TIMEOUT_S: Final = 20.0
"""When to give the broker up, and try again later with what is on disk."""
_AGAIN_S: Final = 2.0
_FULL_QUEUE_S: Final = 0.1


class Trail(Protocol):
    """Where entries go."""

    def append(self, entry: AuditEntry) -> None:
        """Keep an entry; :class:`~query_api.audit.spool.SpoolFull` where there is no room."""


class NoTrail(RuntimeError):
    """An entry could not be written down, so nothing may be answered."""


class Auditor:
    """Writes entries down."""

    def __init__(self, trail: Trail, now_ms: Callable[[], int] = wall_ms) -> None:
        self._trail = trail
        self._now_ms = now_ms

    def note(
        self,
        caller: Caller,
        action: Action,
        criterion: str | None,
        outcome: Outcome,
        rows: int = 0,
    ) -> None:
        """Write down what ``caller`` did; :class:`NoTrail` where that cannot be done."""
        try:
            self._trail.append(entry_of(caller, action, criterion, outcome, rows, self._now_ms))
        except OSError as error:
            logger.error("the audit trail cannot be written: %s", error)
            raise NoTrail(str(error)) from error


class SpoolPublisher:
    """A thread that brings the spool's files to the audit topic, oldest first."""

    def __init__(
        self, spool: Spool, bootstrap: str, codec: Codec, timeout_s: float = _TIMEOUT_S
    ) -> None:
        self._spool = spool
        self._codec = codec
        self._timeout_s = timeout_s
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "client.id": "read-side-audit",
                "acks": "all",
                "enable.idempotence": True,
                "linger.ms": 5,
                "compression.type": "lz4",
                "partitioner": PRODUCER_PARTITIONER,
                "message.timeout.ms": int(timeout_s * 1000),
                "log_level": 2,
            }
        )
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Publish what is there if the broker answers at once; the rest waits on disk."""
        self._stopping.set()
        self._thread.join()
        self._spool.close()

    def _run(self) -> None:
        wait_s = PUBLISH_EVERY_S
        while not self._stopping.wait(wait_s):
            wait_s = PUBLISH_EVERY_S if self._publish_all() else _AGAIN_S
        self._publish_all()

    def _publish_all(self) -> bool:
        """Everything that is on disk, oldest first; whether the broker took it."""
        for path in self._spool.closed():
            if not self._publish(entries(path)):
                return False
            self._spool.delete(path)
        return True

    def _publish(self, waiting: list[AuditEntry]) -> bool:
        """Whether the broker has all of these."""
        failures: list[KafkaError] = []

        def on_delivery(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                failures.append(error)

        try:
            for entry in waiting:
                self._produce(entry, on_delivery)
        except RegistryUnavailable as error:
            logger.warning("audit entries wait on disk: %s", error)
            return False
        left = self._producer.flush(self._timeout_s + 1)
        if left or failures:
            logger.warning(
                "%d audit entries wait on disk: %s",
                len(waiting),
                failures[0].str() if failures else "the broker does not answer",
            )
        return not left and not failures

    def _produce(
        self, entry: AuditEntry, on_delivery: Callable[[KafkaError | None, Message], None]
    ) -> None:
        value, key = self._codec.encode(RECORD, entry.fields()), entry.user.encode()
        while True:
            try:
                self._producer.produce(AUDIT, value, key, on_delivery=on_delivery)
            except BufferError:
                self._producer.poll(_FULL_QUEUE_S)
            else:
                self._producer.poll(0)
                return
