"""A broker that runs elsewhere, known by its address."""

from __future__ import annotations

from typing import Final

from fdt.brokers.admin import admin_client, silence
from fdt.brokers.base import Broker
from fdt.errors import no_broker

ANSWER_SECONDS: Final = 10.0


class AddressBroker(Broker):
    """The brokers at ``bootstrap_servers``; starting only makes sure that one answers."""

    def __init__(self, bootstrap_servers: str, *, timeout_seconds: float = ANSWER_SECONDS) -> None:
        self._address = bootstrap_servers
        self._timeout_seconds = timeout_seconds

    @property
    def bootstrap_servers(self) -> str:
        """The address that was given."""
        return self._address

    def start(self) -> None:
        """Returns once a broker has answered; :class:`~fdt.errors.UserError` if none does."""
        why = silence(admin_client(self.bootstrap_servers), self._timeout_seconds)
        if why is not None:
            raise no_broker(self.bootstrap_servers, why)

    def stop(self) -> None:
        """Leaves the broker to whoever runs it."""

    def require_running(self) -> None:
        """Nothing was started; clients say themselves when the broker is away."""

    def describe(self) -> str:
        """What this is, for people."""
        return f"Kafka at {self.bootstrap_servers}"
