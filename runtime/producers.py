"""An idempotent producer that outlives its own fatal errors.

librdkafka keeps a producer in a fatal state for ever once the broker has lost its state (a topic
made anew, a broker replaced): every later record is refused. Code that publishes as long as a
process lives takes the producer from here each time; after a fatal error it is a new one. The
caller sends again what was waiting in the old one: a delivery report named each record.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Producer

from runtime import kafka

logger = logging.getLogger(__name__)

_LOST: Final = "returned NULL without setting an exception"
"""How the interpreter says that a function in C failed and did not say why. The client fails only
with an error of a callback, which it keeps, and with a fatal error, which a callback that is called
after it may clear."""


class RenewedProducer:
    """Makes producers with ``settings``, one at a time. Safe for many threads."""

    def __init__(self, bootstrap: str, client_id: str, settings: Mapping[str, Any]) -> None:
        self._bootstrap = bootstrap
        self._name = client_id
        self._settings = dict(settings)
        self._lock = threading.Lock()
        self._fatal: KafkaError | None = None
        self._producer = self._made()

    def current(self) -> Producer:
        """The producer, made anew if the last one can publish no more."""
        with self._lock:
            if self._fatal is not None:
                logger.warning("%s is made anew: %s", self._name, self._fatal.str())
                self._fatal = None
                self._producer = self._made()
            return self._producer

    def heard(self, error: KafkaError) -> None:
        """Note an error that ``produce``, ``poll`` or ``flush`` raised or that a delivery report
        gave; after a fatal one :meth:`current` makes a new producer."""
        if error.fatal() or error.code() == KafkaError._FATAL:
            with self._lock:
                self._fatal = error

    def _made(self) -> Producer:
        return kafka.producer(self._bootstrap, self._name, self._settings)


@contextmanager
def unmasked() -> Iterator[None]:
    """``produce``, ``poll`` and ``flush`` in here raise a fatal error as what it is.

    confluent-kafka (2.14 to 2.16) serves delivery reports while the exception is pending already:
    whatever they call then fails, and what comes out is a ``SystemError`` caused by the fatal one;
    or the exception is lost on the way, and what comes out is one that nothing caused.
    """
    try:
        yield
    except SystemError as error:
        if isinstance(error.__cause__, KafkaException):
            raise error.__cause__ from error
        if _LOST in str(error):
            raise KafkaException(KafkaError(KafkaError._FATAL, str(error), fatal=True)) from error
        raise
