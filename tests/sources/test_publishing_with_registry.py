"""The example of the publisher's guide with Confluent's serializer, run on a real broker."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from typing import Final

from schemas.codec import Codec
from schemas.partitioning import partition_of
from schemas.registry import ConfluentRegistry
from schemas.topics import CSP_EVENTS
from tests.house import ROOT
from tests.support.registry import Registry, serving
from tests.support.topics import committed

EXAMPLE: Final = ROOT / "docs/examples/publish_with_registry.py"
DEVICE: Final = "00-DB-12-34-56-78-90-A1"


def published(bootstrap: str, registry: Registry) -> subprocess.CompletedProcess[str]:
    """The example, as a stranger runs it."""
    named = {"KAFKA_BOOTSTRAP_SERVERS": bootstrap, "SCHEMA_REGISTRY_URL": registry.url}
    return subprocess.run(
        [sys.executable, str(EXAMPLE)],
        cwd=ROOT,
        env={**os.environ, **named},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_what_a_serializer_writes_is_what_we_read(fresh_topics: str) -> None:
    """Same device, same partition; identifiers and null unions survive."""
    with serving() as registry, closing(ConfluentRegistry(registry.url)) as known:
        done = published(fresh_topics, registry)
        assert done.returncode == 0, done.stderr
        (record,) = committed(fresh_topics, CSP_EVENTS)
        fields = Codec(known).decode("CspEvent", record.value())
        assert not any("/versions" in path for path in registry.asked)
    assert record.key() == DEVICE.encode()
    assert record.partition() == partition_of(DEVICE, 4)
    assert fields["device_id"] == DEVICE
    assert fields["comms_hub_id"] is fields["detail"] is None
    assert fields["csp_region"] == "North"


def test_a_schema_that_nobody_registered_is_not_published(fresh_topics: str) -> None:
    """The serializer says so; it registers nothing."""
    with serving() as registry:
        registry.answers.clear()
        done = published(fresh_topics, registry)
        assert registry.answers == {}
    assert done.returncode == 1
    assert "not found" in done.stderr
    assert list(committed(fresh_topics, CSP_EVENTS)) == []
