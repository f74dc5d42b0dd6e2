"""What every test may ask for: one real broker for the whole session."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from fdt.brokers.finding import Broker, choose_broker
from fdt.errors import UserError
from fdt.settings import Settings
from tests.support.topics import create_anew, refuse_topics_of_others

pytest_plugins = ["tests.hypothesis_profiles"]

SLOW_LAST = (
    *("simulation", "fdt/brokers", "processor", "runtime/test_topics_watch", "chaos"),
    *("monitoring", "test_", "fdt", "browser"),
)
"""How the paths of tests begin that come after all others: what fails often fails at once, and what
is short ends the run, when there is no more work for every process."""


def pytest_configure() -> None:
    """A run that a script started behind itself ignores SIGINT, and so would all that it starts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_auto_num_workers() -> int:
    """How many processes ``make test`` takes: one more than there are cores, for tests wait much.

    Each starts a broker of its own. Of one that is named there is only one, and each would delete
    the topics of the others: then all runs in this process.
    """
    return 0 if Settings().kafka_bootstrap_servers else (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Quick tests first; within a folder the order stays."""
    root = Path(__file__).parent

    def rank(item: pytest.Item) -> int:
        path = item.path.relative_to(root).as_posix()
        slow = [n for n, name in enumerate(SLOW_LAST, 1) if path.startswith(name)]
        return slow[0] if slow else 0

    items.sort(key=rank)


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A real Kafka: the one that is named, a container, or a local process. Never skipped."""
    chosen = choose_broker(
        Settings(),
        for_tests=True,
        folder=tmp_path_factory.mktemp("kafka"),
        extra={"log.cleaner.backoff.ms": "500"},
    )
    try:
        chosen.start()
    except UserError as error:
        pytest.fail(f"The tests need a Kafka broker. {error}", pytrace=False)
    try:
        refuse_topics_of_others(chosen.bootstrap_servers)
        yield chosen
    finally:
        chosen.stop()


@pytest.fixture
def fresh_topics(broker: Broker) -> str:
    """The address of a broker on which all topics are there and empty."""
    create_anew(broker.bootstrap_servers)
    return broker.bootstrap_servers
