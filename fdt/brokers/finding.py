"""Chooses the Kafka broker to use.

The address that is set; for tests, a container where Docker answers; else a local process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from fdt.brokers.address import AddressBroker
from fdt.brokers.base import Broker
from fdt.brokers.container import ContainerBroker, docker_answers
from fdt.brokers.local import LocalKafka
from fdt.settings import Settings

__all__ = ["AddressBroker", "Broker", "ContainerBroker", "LocalKafka", "choose_broker"]


def choose_broker(
    settings: Settings,
    *,
    for_tests: bool,
    folder: Path | None = None,
    extra: Mapping[str, str] | None = None,
    report: Callable[[str], None] | None = None,
) -> Broker:
    """The broker to use, not started yet.

    ``folder`` holds a local broker's data (default ``kafka`` in the data folder); ``extra`` is
    added to the settings of a broker that we start; ``report`` is called before something that
    takes long.
    """
    if settings.kafka_bootstrap_servers is not None:
        return AddressBroker(settings.kafka_bootstrap_servers)
    if for_tests and docker_answers():
        return ContainerBroker(extra=extra)
    return LocalKafka(
        folder or settings.data_dir / "kafka",
        heap_mb=settings.kafka_heap_mb,
        extra=extra,
        report=report,
    )
