"""``fdt as-at`` on a real broker: a device's row in the status topic, as it was."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fdt.commands.analysis.as_at import as_at
from fdt.errors import UserError
from projections.retention import RETENTION_MS, retain
from projections.rows import encode_row
from projections.state import Row
from schemas.partitioning import partition_of
from schemas.topics import DAY_MS, STATUS
from sources.wire import Wire, rfc3339
from tests.query_api.world import T0, accepted, approved, device_id, request_id
from tests.support.plans import send
from tests.support.rows import row_of, status_value

DEVICE, OTHER = device_id(1), device_id(2)
OLD, MINE = request_id(1), request_id(2)
HOUR = 3_600_000


@pytest.fixture
def held(fresh_topics: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An item that moved on, of a device of which another item has ended since."""
    reports = [
        accepted(OLD, at=T0 - 25 * DAY_MS),
        accepted(MINE, at=T0, offset=1),
        approved(MINE, at=T0 + 2 * HOUR, offset=2),
    ]
    rows = {
        DEVICE: retain(row_of(reports), RETENTION_MS, T0 + 10 * DAY_MS).row,
        OTHER: row_of([accepted(MINE, at=T0, offset=3)]),
    }
    send([_wire(device, row) for device, row in rows.items()], fresh_topics)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", fresh_topics)


def _wire(device: str, row: Row) -> Wire:
    value = status_value(device, encode_row(row))
    return Wire(STATUS, partition_of(device, 4), device.encode(), value, [])


@pytest.mark.usefixtures("held")
def test_a_device_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    """Its items, what they were, and what cannot be told, with the command that can."""

    def said(at: int, *, request: str | None = None, device: str = DEVICE) -> list[dict[str, Any]]:
        as_at(rfc3339(at), device, request=request, as_json=True)
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    (then,) = said(T0 + HOUR)
    assert (then["status"], then["doubts"]) == ("Accepted by DSP", ["forgotten"])
    (now,) = said(T0 + 9 * DAY_MS)
    assert (now["status"], now["doubts"]) == ("Approved for Distribution", [])
    assert now["updated_at"] == rfc3339(T0 + 2 * HOUR)
    assert said(T0 + 9 * DAY_MS, request=OLD) == []
    assert said(T0 - HOUR, device=OTHER) == []
    assert said(T0, device=device_id(77)) == []
    as_at(rfc3339(T0 + HOUR), DEVICE)
    told = capsys.readouterr().out
    assert "1 items at 2026-11-23T07:00:00.000Z." in told
    assert "fdt replay --table FOLDER --to 2026-11-23T07:00:00.000Z" in told
    as_at(rfc3339(T0 + 9 * DAY_MS), DEVICE)
    assert "fdt replay" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("time", "device", "said"),
    [
        ("yesterday", DEVICE, "TIME is a time such as"),
        ("2026-11-23T06:00Z", "00-DB", "Device ID"),
    ],
)
def test_what_cannot_be_read_is_refused(time: str, device: str, said: str) -> None:
    """Before any broker is asked."""
    with pytest.raises(UserError, match=said):
        as_at(time, device)
