"""Takes credentials into use that are replaced while a program runs, without a manual restart.

A new password is given to the existing clients. librdkafka reads certificates, the authority and a
token client's secret only when a client is made, so for those the worker and the read side end in
order and begin again by themselves (docs/decisions/0038); a simulated source makes its client anew.
Nothing is done before a broker has accepted the new credentials.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from confluent_kafka import KafkaException
from pydantic import ValidationError

from runtime import kafka
from runtime.access.kafka_security import Credentials, KafkaSecurity, current
from runtime.health import Health
from runtime.threads import Repeating

logger = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 2.0
"""Seconds between two looks. Files that are the same at two looks are complete."""
PART: Final = "credentials"
_ANSWER_S: Final = 10.0


class Replacement:
    """Compares what the files hold with what is in use.

    ``anew`` is called when clients have to be made anew. ``health`` is told of files that cannot be
    used; what was read before stays in use.
    """

    def __init__(self, bootstrap: str, health: Health, anew: Callable[[], None]) -> None:
        self._bootstrap = bootstrap
        self._health = health
        self._anew = anew
        self._used: Credentials = current().credentials
        self._seen = self._used
        self._unusable: str | None = None

    def look(self) -> None:
        """Look once."""
        try:
            access = KafkaSecurity()
        except ValidationError as error:
            self._tell(error.errors()[0]["msg"].removeprefix("Value error, "))
            return
        found, seen, self._seen = access.credentials, self._seen, access.credentials
        if found != seen:
            return
        if found != self._used and (why := self._refused()) is not None:
            self._tell(f"what was put into their files is not taken: {why}")
            return
        self._unusable = None
        self._health.well(PART)
        if found != self._used:
            self._use(access)

    def _tell(self, why: str) -> None:
        """Report a problem that is there at two looks: at one, a file may be half written."""
        if self._unusable is not None:
            self._health.trouble(PART, f"{why}; what was read before is used until it is mended")
        self._unusable = why

    def _refused(self) -> str | None:
        """Why no broker takes what is new, if so."""
        client = kafka.admin_client(self._bootstrap)
        try:
            client.list_topics(timeout=_ANSWER_S)
        except KafkaException as error:
            return kafka.complaint(client) or str(error.args[0].str())
        return None

    def _use(self, access: KafkaSecurity) -> None:
        found, used, self._used = access.credentials, self._used, access.credentials
        if found.of_tls != used.of_tls or access.has_tokens:
            logger.warning("certificates or a client's secret were replaced: clients are made anew")
            self._anew()
        elif access.kafka_user is not None and found.password is not None:
            kafka.renew(access.kafka_user, found.password)
            logger.warning("the password of %s was replaced, and is used", access.kafka_user)


class Rotation:
    """A :class:`Replacement` in a thread of its own, for a program that ends in order (``end``)
    and begins again for clients that are made anew. ``on_end`` is called if the thread cannot go
    on."""

    def __init__(
        self,
        bootstrap: str,
        health: Health,
        end: Callable[[], None],
        on_end: Callable[[BaseException], None],
        every_s: float = LOOK_EVERY_S,
    ) -> None:
        replacement = Replacement(bootstrap, health, self._end)
        self._end_program = end
        self.begin_again = False
        """Whether the program ended for this, and is to begin again."""
        self._looking = Repeating(PART, replacement.look, every_s, on_end)

    def start(self) -> None:
        """Begin to look."""
        self._looking.start()

    def stop(self) -> None:
        """End the thread."""
        self._looking.stop()

    def _end(self) -> None:
        self.begin_again = True
        self._looking.end()
        self._end_program()
