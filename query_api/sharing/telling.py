"""Publishes this read side's notices: an end is durable before a sign-out is answered."""

from __future__ import annotations

import logging
import secrets
import threading
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Message

from query_api.identity.endings import Ending
from query_api.sharing.notices import Notice, Taken
from runtime.producers import RenewedProducer, unmasked
from schemas.codec import Codec
from schemas.registry import RegistryUnavailable
from schemas.topics import READ_SIDE

logger = logging.getLogger(__name__)

PARTITION: Final = 0
"""All notices are in one partition, so that its end offset is the end of all of them."""
TOLD_WITHIN_S: Final = 3.0
"""How long a sign-out waits for the broker's acknowledgement."""


class Teller:
    """Publishes notices. An end is sent again until the broker has it, as long as this process
    runs; the use of a limit is sent once, for it is soon out of date. Safe for many threads."""

    def __init__(self, bootstrap: str, codec: Codec) -> None:
        self.name = secrets.token_hex(8)
        """Random name of this process in its notices."""
        self._codec = codec
        self._lock = threading.Lock()
        self._untold: dict[bytes, Ending] = {}
        self._why = ""
        settings = {"linger.ms": 0, "message.timeout.ms": int(TOLD_WITHIN_S * 1000)}
        self._producer = RenewedProducer(bootstrap, "read-side-notices", settings)

    def ended(self, ending: Ending) -> bool:
        """Publish an end; whether the broker has it. If not, it is sent again later."""
        with self._lock:
            self._untold[ending.what] = ending
        self._publish(ending, wait_s=TOLD_WITHIN_S + 0.5)
        return ending.what not in self._untold

    def taken(self, limit: str, user: bytes, count: int) -> None:
        """Publish the use of a limit, without waiting for the broker."""
        self._publish(Taken(limit, user, count), wait_s=0.0)

    def again(self) -> None:
        """Send again the ends that the broker did not take."""
        with self._lock:
            untold = list(self._untold.values())
        for ending in untold:
            self._publish(ending, wait_s=0.0)

    def _publish(self, told: Ending | Taken, wait_s: float) -> None:
        producer = self._producer.current()

        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                self._producer.heard(error)
                self._failed(error.str())
                return
            self._why = ""
            if isinstance(told, Ending):
                with self._lock:
                    self._untold.pop(told.what, None)

        try:
            value = Notice(self.name, told).encoded(self._codec)
            with unmasked():
                producer.produce(
                    READ_SIDE, value, self.name.encode(), PARTITION, on_delivery=delivered
                )
                producer.flush(wait_s) if wait_s else producer.poll(0)
        except (BufferError, RegistryUnavailable) as error:
            self._failed(str(error))
        except KafkaException as error:
            self._producer.heard(error.args[0])
            self._failed(error.args[0].str())

    def _failed(self, why: str) -> None:
        """Logs a failure once for each reason, until the broker takes a notice."""
        if why != self._why:
            logger.warning("other read sides were not told: %s", why)
        self._why = why
