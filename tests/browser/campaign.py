"""A campaign on its fourth day: every status, a late report, a reset, a region that is silent."""

from __future__ import annotations

from typing import Any, Final

from projections.state import Report
from schemas.identifiers import DeviceId
from schemas.topics import Source
from tests.query_api.world import (
    ALPHA,
    DAY_MS,
    T0,
    World,
    accepted,
    approved,
    delivered,
    rejected,
    report,
    request_id,
    reset,
)

HOUR: Final = 3_600_000
MINUTE: Final = 60_000
NOW: Final = T0 + 3 * DAY_MS + 5 * HOUR
REQUEST: Final = request_id(1_795_413_600_000)
EARLIER: Final = request_id(1_795_154_400_000)


def device(number: int) -> DeviceId:
    """A Device ID of the test range."""
    return DeviceId(f"00-DB-12-34-56-78-{0x90 + number // 256:02X}-{number % 256:02X}")


STUCK: Final = device(0)
"""In Progress for days, with a late report."""
FAILED: Final = device(1)
DONE: Final = device(2)
RESET: Final = device(3)
REFUSED: Final = device(4)
AGAIN: Final = device(5)
"""Failed, sent again, and on its way."""
WAITING: Final = device(6)
"""Only reports without a request."""
MANY: Final = 60
"""Devices of each of the usual kinds beside those."""


def _csp(code: str, hours: float, offset: int, **changes: Any) -> Report:
    at = T0 + int(hours * HOUR)
    return report(Source.CSP, code, request=REQUEST, at=at, offset=offset, event=offset, **changes)


def _hub(code: str, result: int | None, hours: float, offset: int) -> Report:
    at = T0 + int(hours * HOUR)
    return report(
        Source.COMMS_HUB, code, result=result, request=REQUEST, at=at, offset=offset, event=offset
    )


def _path(*steps: Report) -> list[Report]:
    return [accepted(REQUEST, offset=0, event=1000), *steps]


def _one_of(number: int) -> list[Report]:
    """What became of an ordinary device."""
    hours = 4 + number % 30
    approval = _csp("APPROVED", 1 + number % 3 / 4, 1)
    at_hub = _csp("CH-TRANSFER-OK", hours, 2)
    at_device = _hub("8F72", None, hours + 2, 3)
    kinds = (
        [approval, at_hub, at_device, _hub("CS06", 0, hours + 9, 4)],
        [approval, at_hub, at_device, _hub("CS06", 0, hours + 12, 4)],
        [approval, at_hub, at_device],
        [approval, at_hub],
        [approval],
        [approval, at_hub, at_device, _hub("CS06", 0, hours + 20, 4)],
        [approval, _csp("CH-TRANSFER-FAILED", hours, 2)],
        [approval, at_hub, _hub("8F89", 2, hours + 3, 3)],
        [approval, at_hub, at_device, _hub("CS06", 3, hours + 8, 4)],
        [_csp("N18", 1, 1)],
    )
    return _path(*kinds[number % len(kinds)])


def campaign() -> World:
    """The world on its fourth day."""
    world = World()
    rows: dict[DeviceId, list[Report]] = {device(10 + n): _one_of(n) for n in range(MANY * 3)}
    rows |= {
        STUCK: _path(
            _csp("APPROVED", 1.2, 1),
            _csp("CH-TRANSFER-OK", 9.5, 2),
            rejected(REQUEST, at=T0 + 11 * HOUR, offset=3, event=3),
        ),
        FAILED: _path(_csp("APPROVED", 1.1, 1), _csp("CH-TRANSFER-FAILED", 22.4, 2)),
        DONE: _path(
            _csp("APPROVED", 1, 1),
            _csp("CH-TRANSFER-OK", 5, 2),
            _hub("8F8A", 0, 6, 3),
            _hub("8F72", None, 6.1, 4),
            _hub("CS06", 0, 14, 5),
        ),
        RESET: _path(
            _csp("APPROVED", 1.3, 1),
            reset(
                REQUEST,
                at=T0 + 60 * HOUR,
                offset=2,
                event=2,
                detail="The hub was replaced (incident INC000012345, by Chris Centre)",
            ),
        ),
        REFUSED: [rejected(REQUEST, event=1000)],
        AGAIN: [
            accepted(EARLIER, at=T0 - 2 * DAY_MS, offset=0, event=900),
            report(Source.CSP, "N61", request=EARLIER, at=T0 - DAY_MS, offset=1, event=901),
            accepted(REQUEST, at=T0, offset=2, event=902),
            approved(REQUEST, at=T0 + HOUR, offset=3, event=903),
        ],
        WAITING: [delivered(version="0A0B0C0D", at=T0 + 8 * HOUR)],
    }
    heard = {"dsp": NOW - MINUTE, "csp/Central": NOW - 4 * MINUTE, "csp/North": NOW - 7 * HOUR}
    heard |= {"comms-hub": NOW - MINUTE, "ssmi": T0 + 60 * HOUR}
    world.put(rows, seen_at=NOW - 10_000, last_received=heard)
    world.progress.lag = lambda: 0  # type: ignore[method-assign]  # as long as the tests take
    return world


OWNER: Final = ALPHA
