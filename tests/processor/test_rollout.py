"""A new optional field of one source: publisher first, processor first, and back again.

Tomorrow's processor is this one with another version of the DSP's event in its ``schemas``, on a
real broker; nothing else of it differs.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import uuid
from contextlib import AbstractContextManager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import fastavro

import schemas
from schemas.codec import Codec
from schemas.partitioning import partition_of
from schemas.registry import SchemaRegistry, current_schemas, schema_file
from schemas.topics import DSP_EVENTS
from sources.wire import Wire
from tests.support.events import DEVICE, dsp_event
from tests.support.plans import send
from tests.support.processes import worker
from tests.support.registry import serving
from tests.support.topics import dead_letters, table, wait_until_read

NEXT_ID: Final = 1 + max(map(int, json.loads(schema_file("registry.json"))))
"""Of the new version, in the files and in the registry: one that means nothing yet."""
TODAY: Final = current_schemas()["DspEvent"][1]
TOMORROW: Final = deepcopy(TODAY)
TOMORROW["fields"].append({"name": "image_size", "type": ["null", "long"], "default": None})
HOME: Final = partition_of(DEVICE, 4)


def tomorrows_schemas(folder: Path) -> Path:
    """A folder with the package ``schemas`` of a later release, as that release would have it."""
    package = shutil.copytree(Path(schemas.__path__[0]), folder / "schemas")
    files = package / "avro"
    files.joinpath("dsp_event.1.avsc").write_text(schema_file("dsp_event.avsc"))
    files.joinpath("dsp_event.avsc").write_text(json.dumps(TOMORROW))
    ids = json.loads(schema_file("registry.json"))
    ids["1"]["file"] = "dsp_event.1.avsc"
    ids[str(NEXT_ID)] = {"subject": ids["1"]["subject"], "file": "dsp_event.avsc"}
    files.joinpath("registry.json").write_text(json.dumps(ids))
    return folder


@dataclass
class Rollout:
    """One topic, one worker after the other, publishers of both versions."""

    bootstrap: str
    folder: Path
    settings: dict[str, str]
    published: int = 0

    def today(self) -> AbstractContextManager[subprocess.Popen[bytes]]:
        """This release's worker."""
        return worker(self.bootstrap, self.folder, **self.settings)

    def tomorrow(self) -> AbstractContextManager[subprocess.Popen[bytes]]:
        """The next one's; it goes on with the same data."""
        later = self.folder / "later"
        if not later.exists():
            tomorrows_schemas(later)
        return worker(self.bootstrap, self.folder, **self.settings, **self.of_tomorrow(later))

    @staticmethod
    def of_tomorrow(later: Path) -> dict[str, str]:
        """What makes Python find its ``schemas`` before those of today."""
        return {"PYTHONSAFEPATH": "1", "PYTHONPATH": str(later), "FDT_RULES": "plain"}

    def publish(self, *versions: int) -> None:
        """An event of each version that is named."""
        for version in versions:
            schema_id, schema = (1, TODAY) if version == 1 else (NEXT_ID, TOMORROW)
            send([_wire(schema_id, schema)], self.bootstrap)
            self.published += 1


def _wire(schema_id: int, schema: dict[str, Any]) -> Wire:
    body = io.BytesIO()
    event = dsp_event(event_id=str(uuid.uuid4()), image_size=1_048_576)
    fastavro.schemaless_writer(body, fastavro.parse_schema(deepcopy(schema)), event)
    value = b"\x00" + schema_id.to_bytes(4, "big") + body.getvalue()
    return Wire(DSP_EVENTS, HOME, DEVICE.encode(), value, [])


def require_all(rollout: Rollout, registry: SchemaRegistry | None = None) -> None:
    """Everything is folded; nothing was refused; the item has every event."""
    codec = Codec(registry)
    found = wait_until_read(rollout.bootstrap, rollout.published, codec=codec)
    assert found.counts["folded"] == rollout.published
    assert dead_letters(rollout.bootstrap) == []
    (item,) = found.items().values()
    assert len(item.timeline) == rollout.published


def test_with_a_registry_any_order_will_do(fresh_topics: str, tmp_path: Path) -> None:
    """The publisher first, then the processor, then the processor of before."""
    with serving() as registry:
        registry.holds(NEXT_ID, TOMORROW)
        rollout = Rollout(fresh_topics, tmp_path, {"SCHEMA_REGISTRY_URL": registry.url})
        with rollout.today():
            rollout.publish(1, 2, 1, 2)
            require_all(rollout)
        with rollout.tomorrow():
            rollout.publish(1, 2)
            require_all(rollout)
        with rollout.today():
            rollout.publish(2, 1)
            require_all(rollout)


def test_with_the_files_the_processor_goes_first(fresh_topics: str, tmp_path: Path) -> None:
    """It reads both versions. A publisher that was too early has letters, which fold then."""
    rollout = Rollout(fresh_topics, tmp_path, {})
    with rollout.today():
        rollout.publish(1, 2)
        found = wait_until_read(fresh_topics, 2)
        assert [letter["dl_reason"] for letter in dead_letters(fresh_topics)] == [b"unknown-schema"]
        assert found.counts["folded"] == 1
    with rollout.tomorrow():
        rollout.publish(1, 2)
        environment = {
            **os.environ,
            "KAFKA_BOOTSTRAP_SERVERS": fresh_topics,
            "FDT_DATA_DIR": str(tmp_path),
        }
        command = [sys.executable, "-m", "fdt", "dead-letters", "resend"]
        subprocess.run([*command, "--reason", "unknown-schema"], env=environment, check=True)
        found = wait_until_read(fresh_topics, 5)
    assert found.counts["folded"] == 4
    (item,) = table(fresh_topics).items().values()
    assert len(item.timeline) == 4
