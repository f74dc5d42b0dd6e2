"""The audit trail: an action is written to disk before it is answered, and published soon after.

:mod:`query_api.queries.query_service` writes entries with the :class:`Auditor`. While the broker is
away entries wait in the spool. Once that is full, questions are refused: none goes unrecorded.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final, Protocol

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from query_api.audit.entry import RECORD, Action, AuditEntry, Outcome, entry_of, wall_ms
from query_api.audit.spool import Spool, entries
from query_api.identity.access import Caller
from runtime.health import Health
from runtime.logs.fields import about
from runtime.producers import RenewedProducer, unmasked
from runtime.threads import watched
from schemas.codec import Codec
from schemas.registry import RegistryUnavailable
from schemas.topics import AUDIT

logger = logging.getLogger(__name__)

PUBLISH_EVERY_S: Final = 0.5
_TIMEOUT_S: Final = 20.0
"""Time-out of one attempt to publish; the entries stay on disk for the next attempt."""
_AGAIN_S: Final = 2.0
_FULL_QUEUE_S: Final = 0.1
PART: Final = "audit"
"""Name of this part in the health of the read side."""
NEARLY_FULL: Final = 0.8
"""Share of the spool in use from which an outage is a trouble: a full spool stops all answers."""

_OUTAGES: Final = (
    KafkaError._MSG_TIMED_OUT,
    KafkaError._TRANSPORT,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._TIMED_OUT,
)


class Trail(Protocol):
    """Port: where entries are kept until they are published."""

    def append(self, entry: AuditEntry) -> None:
        """Keep an entry; :class:`~query_api.audit.spool.SpoolFull` if there is no room."""


class NoTrail(RuntimeError):
    """An entry could not be written, so the question must not be answered."""


class Auditor:
    """Writes entries to the trail."""

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
        """Record an action of ``caller``; :class:`NoTrail` if it cannot be written."""
        try:
            self._trail.append(entry_of(caller, action, criterion, outcome, rows, self._now_ms))
        except OSError as error:
            logger.error("the audit trail cannot be written: %s", error, extra=about(part=PART))
            raise NoTrail(str(error)) from error


class SpoolPublisher:
    """A thread that publishes the spool's files to the audit topic, oldest first.

    It waits for a broker that is away. Any other reason that keeps entries on disk is a trouble in
    ``health``. ``on_end`` is called if the thread fails.
    """

    def __init__(
        self,
        spool: Spool,
        bootstrap: str,
        codec: Codec,
        health: Health,
        on_end: Callable[[BaseException], None],
        timeout_s: float = _TIMEOUT_S,
    ) -> None:
        self._spool = spool
        self._codec = codec
        self._health = health
        self._timeout_s = timeout_s
        self._producer = RenewedProducer(
            bootstrap,
            "read-side-audit",
            {
                "linger.ms": 5,
                "compression.type": "lz4",
                "message.timeout.ms": int(timeout_s * 1000),
            },
        )
        self._stopping = threading.Event()
        self._thread = watched(PART, self._run, stopping=self._stopping.is_set, on_end=on_end)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Publish once more, then end the thread; what the broker does not take stays on disk."""
        self._stopping.set()
        self._thread.join()
        self._spool.close()

    def _run(self) -> None:
        wait_s = PUBLISH_EVERY_S
        while not self._stopping.wait(wait_s):
            wait_s = PUBLISH_EVERY_S if self._publish_all() else _AGAIN_S
        self._publish_all()

    def _publish_all(self) -> bool:
        """Publish all files, oldest first; whether the broker took them."""
        for path in self._spool.closed():
            if not self._publish(entries(path)):
                return False
            self._spool.delete(path)
        return True

    def _publish(self, waiting: list[AuditEntry]) -> bool:
        """Publish entries; whether the broker has all of them."""
        failures: list[KafkaError] = []
        producer = self._producer.current()

        def on_delivery(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                failures.append(error)

        left = 0
        try:
            with unmasked():
                for entry in waiting:
                    self._produce(producer, entry, on_delivery)
                left = producer.flush(self._timeout_s + 1)
        except RegistryUnavailable as error:
            return self._waits(len(waiting), str(error), is_outage=True)
        except KafkaException as error:
            failures.append(error.args[0])
        for failure in failures:
            self._producer.heard(failure)
        if failures:
            return self._waits(len(waiting), failures[0].str(), failures[0].code() in _OUTAGES)
        if left:
            return self._waits(len(waiting), "the broker does not answer", is_outage=True)
        self._health.well(PART)
        return True

    def _waits(self, entries: int, why: str, is_outage: bool) -> bool:
        """Log why entries stay on disk; an outage is a trouble only once the spool is nearly full.
        Always false."""
        told = f"{entries} audit entries wait on disk: {why}"
        logger.warning("%s", told, extra=about(topic=AUDIT, part=PART))
        if not is_outage or self._spool.size > NEARLY_FULL * self._spool.room:
            self._health.trouble(PART, told)
        return False

    def _produce(
        self,
        producer: Producer,
        entry: AuditEntry,
        on_delivery: Callable[[KafkaError | None, Message], None],
    ) -> None:
        value, key = self._codec.encode(RECORD, entry.fields()), entry.user.encode()
        while True:
            try:
                producer.produce(AUDIT, value, key, on_delivery=on_delivery)
            except BufferError:
                producer.poll(_FULL_QUEUE_S)
            else:
                producer.poll(0)
                return
