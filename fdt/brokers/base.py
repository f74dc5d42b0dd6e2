"""The one interface of every Kafka broker, whoever runs it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self


class Broker(ABC):
    """A Kafka broker that clients can reach between :meth:`start` and :meth:`stop`."""

    @property
    @abstractmethod
    def bootstrap_servers(self) -> str:
        """``host:port``, comma-separated; known once started."""

    @abstractmethod
    def start(self) -> None:
        """Returns once the broker answers; :class:`~fdt.errors.UserError` says why it does not."""

    @abstractmethod
    def stop(self) -> None:
        """Ends what :meth:`start` began, and nothing else."""

    @abstractmethod
    def require_running(self) -> None:
        """:class:`~fdt.errors.RunFailed` if what :meth:`start` began has ended by itself."""

    @abstractmethod
    def describe(self) -> str:
        """Kind and address in a few words."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
