"""A broker and settings under which the doctor finds nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from fdt.brokers.finding import Broker
from tests.fdt.doctor.report import state, wait_until
from tests.support.topics import create_anew


@pytest.fixture(scope="module")
def bootstrap(broker: Broker) -> str:
    """A broker with the topics, which a fault that changes them puts right again."""
    create_anew(broker.bootstrap_servers)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KAFKA_BOOTSTRAP_SERVERS", broker.bootstrap_servers)
        wait_until(lambda: "not-checked" not in (state("rights"), state("dead-letters")))
    return broker.bootstrap_servers


@pytest.fixture
def system(bootstrap: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Settings under which all is well; the broker's address."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", bootstrap)
    monkeypatch.setenv("FDT_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("FDT_API_PORT", "1")
    return bootstrap
