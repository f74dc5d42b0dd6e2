"""Keeps what a release wrote: ``python -m tests.schemas.recording 0.1.0``, once for each release.

Every ``.avsc`` as it was published, and bytes as they stand in topics of that release: a campaign
of the sources with its malformed records, what the fold made of it, the status records, a control
record and an audit entry. What was kept is never made anew: :mod:`tests.schemas.test_released`
reads it with the code of today.
"""

from __future__ import annotations

import base64
import json
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Final

from fdt.contract.kit import PARTITIONS, answers, folded
from query_api.audit.entry import Action, Outcome, entry_of
from query_api.identity.access import Caller, Role
from schemas.codec import Codec
from schemas.identifiers import Eui64
from schemas.topics import STATUS
from sources.planning.plan import build_plan
from sources.schedule import Schedule
from sources.wire import wire
from tests.house import ROOT

RELEASED: Final = Path(__file__).with_name("released")
BASE_MS: Final = 1_795_000_000_000
"""When the recorded campaign began, by its broker."""
UNTIL_MS: Final = BASE_MS + 3 * 86_400_000
CODEC: Final = Codec()


def campaign() -> list[dict[str, Any]]:
    """Everything that a small campaign publishes, as the conformance kit writes records."""
    plan, schedule = build_plan(seed=5, requests=1, devices=40), Schedule.starting(BASE_MS, 1.0)
    offsets: Counter[tuple[str, int]] = Counter()
    found = []
    for publication in sorted(plan.publications, key=lambda one: one.publish_ms):
        sent = wire(publication, schedule, CODEC, PARTITIONS)
        place = (sent.topic, sent.partition)
        found.append(
            {
                "topic": sent.topic,
                "partition": sent.partition,
                "offset": offsets[place],
                "received_at": BASE_MS + publication.publish_ms,
                "key": None if sent.key is None else sent.key.decode(),
                "headers": {name: str(text) for name, text in sent.headers},
                "value_base64": base64_of(sent.value),
            }
        )
        offsets[place] += 1
    return found


def statuses(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The status records of the campaign: bytes, and the fields that anybody may rely on."""
    found = []
    for one in folded(records, UNTIL_MS):
        for out in one.outgoing:
            if out.topic == STATUS and out.value is not None:
                assert isinstance(out.value, bytes)
                fields = CODEC.decode("FirmwareStatus", out.value)
                del fields["state"]
                found.append({"value_base64": base64_of(out.value), "fields": fields})
    return found


def others() -> list[dict[str, Any]]:
    """A control record and an audit entry."""
    control = {
        "partition": 3,
        "worker": "worker-1",
        "positions": [{"topic": "firmware.dsp.v1", "topic_id": "x", "next_offset": 17}],
        "partition_time": BASE_MS,
        "last_received": {"csp/North": BASE_MS},
        "rows": 12,
        "counts": {"read": 17, "folded": 16, "dead_lettered": 1},
    }
    owner = frozenset([Eui64.parse("90-B3-D5-1F-30-01-00-00")])
    caller = Caller("alice", owner, frozenset([Role.SUPPLIER]))
    entry = entry_of(caller, Action.SEARCH, "1:2:3", Outcome.FOUND, 5, lambda: BASE_MS)
    values = {"ProcessorControl": control, "AuditEntry": entry.fields()}
    return [
        {"record": record, "value_base64": base64_of(CODEC.encode(record, value)), "fields": value}
        for record, value in values.items()
    ]


def base64_of(data: bytes | None) -> str | None:
    """Text, for JSON."""
    return None if data is None else base64.b64encode(data).decode()


def main(version: str) -> None:
    """Keep what this version writes."""
    folder = RELEASED / version
    if folder.exists():
        sys.exit(f"{folder} is there: what a release wrote is not recorded again.")
    shutil.copytree(ROOT / "schemas" / "avro", folder / "avro")
    records = campaign()
    kept = {
        "partition_time": UNTIL_MS,
        "records": records,
        "expected": answers(records, UNTIL_MS),
        "statuses": statuses(records),
        "others": others(),
    }
    text = json.dumps(kept, separators=(",", ":")).replace('{"topic"', '\n{"topic"')
    (folder / "records.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
