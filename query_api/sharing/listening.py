"""Reads the notices of other read sides, in one thread, and knows up to when it has read all.

While the broker is away sessions stay valid, though some may have been ended at another read side.
After the idle time-out of a session this is no longer accepted: no session is valid until the topic
has been read again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Message, TopicPartition

from query_api.identity.endings import Ending, Endings
from query_api.identity.rate_limit import RateLimit
from query_api.sharing.notices import Notice, decoded
from query_api.sharing.telling import PARTITION, Teller
from runtime import broker, kafka
from runtime.health import Health
from runtime.threads import watched
from schemas.codec import BadRecord, Codec
from schemas.registry import RegistryUnavailable
from schemas.topics import READ_SIDE

logger = logging.getLogger(__name__)

PART: Final = "sign-outs"
"""Name of this part in the health of the read side."""
ASK_EVERY_S: Final = 2.0
"""How often the end offset is fetched, and unpublished notices are sent again."""
_ANSWER_S: Final = 2.0
_IDLE_S: Final = 0.25
_BATCH: Final = 1_000
_NOT_YET: Final = "the broker has not answered yet"
_READING: Final = "what other read sides have ended is still being read"


class Listener:
    """Reads the notices of all read sides, in a thread of its own.

    ``closed_after_s`` is the time without contact after which sessions are not accepted; ``on_end``
    is called if the thread fails.
    """

    def __init__(
        self,
        bootstrap: str,
        codec: Codec,
        teller: Teller,
        endings: Endings,
        health: Health,
        on_end: Callable[[BaseException], None],
        closed_after_s: float,
    ) -> None:
        self._bootstrap = bootstrap
        self._codec = codec
        self._teller = teller
        self._endings = endings
        self._limits: Mapping[str, RateLimit] = {}
        self._health = health
        self._closed_after_s = closed_after_s
        self._stopping = threading.Event()
        self._thread = watched(PART, self._follow, stopping=self._stopping.is_set, on_end=on_end)
        self._waiting: list[Message] = []
        self._next_offset = 0
        self._topic_id: str | None = None
        self._heard_at: float | None = None
        self._why = _NOT_YET
        self._lost = False
        endings.unknown_because = self.unknown_because

    def follow(self, limits: Iterable[RateLimit]) -> None:
        """Pass what other read sides granted on to these limits."""
        self._limits = {limit.what: limit for limit in limits}

    def start(self) -> None:
        """Begin."""
        self._tell_health()
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def heard_at(self) -> float | None:
        """Time up to which all notices were read, in seconds since 1970 UTC; ``None`` before the
        topic was first read to its end."""
        age_s = self._age_s()
        return None if age_s is None else time.time() - age_s

    def unknown_because(self) -> str | None:
        """Why no session can be accepted now; ``None`` if they can."""
        age_s = self._age_s()
        if age_s is None:
            return f"{_READING}: {self._why}"
        if age_s <= self._closed_after_s:
            return None
        return f"other read sides have not been heard for {age_s / 60:.0f} minutes: {self._why}"

    def _age_s(self) -> float | None:
        heard_at = self._heard_at
        return None if heard_at is None else time.monotonic() - heard_at

    def _follow(self) -> None:
        place = TopicPartition(READ_SIDE, PARTITION, OFFSET_BEGINNING)
        consumer = kafka.consumer(self._bootstrap, "fdt-read-side-notices")
        self._admin = kafka.admin_client(self._bootstrap)
        try:
            consumer.assign([place])
            ask_at = 0.0
            while not self._stopping.is_set():
                self._take(_fetched(consumer))
                if time.monotonic() >= ask_at:
                    self._ask(consumer)
                    self._teller.again()
                    ask_at = time.monotonic() + (ASK_EVERY_S if self._heard_at else _IDLE_S)
                self._tell_health()
        finally:
            consumer.close()

    def _take(self, messages: list[Message]) -> None:
        """Apply notices in order; those whose schema cannot be had now wait."""
        for message in messages:
            if (error := message.error()) is None:
                self._waiting.append(message)
            else:
                self._away(error.str())
        while self._waiting:
            try:
                self._learn(self._waiting[0])
            except RegistryUnavailable as error:
                self._away(str(error))
                return
            self._next_offset = (self._waiting.pop(0).offset() or 0) + 1

    def _learn(self, message: Message) -> None:
        try:
            notice = decoded(self._codec, message.key(), message.value())
        except BadRecord as error:
            logger.error(
                "%s offset %s is no notice of a read side (%s): nobody else may write there",
                READ_SIDE,
                message.offset(),
                error,
            )
            return
        self._heed(notice, int(message.timestamp()[1]) / 1000)

    def _heed(self, notice: Notice, at: float) -> None:
        told = notice.told
        if isinstance(told, Ending):
            self._endings.learn(told)
        elif notice.read_side != self._teller.name and told.limit in self._limits:
            # after the first read to the end a notice is new: clocks need not agree
            ago_s = 0.0 if self._heard_at is not None else time.time() - at
            self._limits[told.limit].learn(told.user, told.count, ago_s)

    def _ask(self, consumer: Consumer) -> None:
        """Compare the position with the end of the topic, and note the time if all is read."""
        asked_at = time.monotonic()
        place = TopicPartition(READ_SIDE, PARTITION)
        try:
            described = broker.topics(self._admin, [READ_SIDE])[READ_SIDE]
            topic_id = str(described.result(_ANSWER_S).topic_id)
            first, end = consumer.get_watermark_offsets(place, timeout=_ANSWER_S)
        except (KafkaException, TimeoutError) as error:
            told = error.args[0].str() if isinstance(error, KafkaException) else "no answer in time"
            self._away(told)
            self._lost = True
            return
        if self._topic_id not in (None, topic_id):
            # The new topic's offsets start at 0, and may already be beyond the old position.
            logger.warning("%s was created anew: it is read from its beginning", READ_SIDE)
            self._next_offset, self._lost = 0, True
        self._topic_id = topic_id
        if self._lost:
            consumer.assign([TopicPartition(READ_SIDE, PARTITION, max(first, self._next_offset))])
            self._lost = False
        if max(first, self._next_offset) < end:
            self._take(_fetched(consumer))
        if max(first, self._next_offset) >= end:
            self._heard_at = asked_at
            self._why = "the broker does not answer"

    def _away(self, why: str) -> None:
        if why != self._why:
            logger.warning("other read sides are not heard: %s", why)
        self._why = why

    def _tell_health(self) -> None:
        if (why := self.unknown_because()) is None:
            self._health.well(PART)
        else:
            self._health.trouble(
                PART, why, logging.INFO if self._why == _NOT_YET else logging.ERROR
            )


def _fetched(consumer: Consumer) -> list[Message]:
    """The messages that have arrived; waits up to ``_IDLE_S`` for the first."""
    first = consumer.poll(_IDLE_S)
    return [] if first is None else [first, *consumer.consume(_BATCH - 1, 0.0)]
