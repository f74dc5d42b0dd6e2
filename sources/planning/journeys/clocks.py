"""Journeys with a wrong clock.

The event with the wrong clock is always the last one. Its received time depends on the speed of the
simulation; as the last it is after every other event at any speed.
"""

from __future__ import annotations

from sources.planning.journeys.catalogue import journey
from sources.planning.journeys.steps import (
    FAST_CLOCK_MS,
    SLOW_CLOCK_MS,
    accepted,
    activated,
    approved,
    delivered,
    transfer_failed,
    transferred,
    until,
)
from sources.planning.script import Script


@journey()
def fast_clock(s: Script) -> None:
    """A report from five hours ahead counts as now."""
    until(s, 3)
    s.ends("Successful HAN Transfer", delivered(s, skew_ms=FAST_CLOCK_MS))


@journey()
def slow_clock(s: Script) -> None:
    """A report from four days back counts as now; else it would be older than its request."""
    until(s, 4)
    s.ends("Firmware Activated", activated(s, skew_ms=SLOW_CLOCK_MS))


@journey()
def wrong_clock_at_acceptance(s: Script) -> None:
    """The DSP's clock is wrong, and nothing follows."""
    s.ends("Accepted by DSP", accepted(s, skew_ms=FAST_CLOCK_MS))


@journey()
def wrong_clock_decides(s: Script) -> None:
    """Counted as received, the failure is the stage's last word."""
    good = until(s, 3)
    failed = transfer_failed(s, skew_ms=SLOW_CLOCK_MS)
    s.ends("Failed CH Transfer", failed, superseded=[good])


@journey()
def wrong_clock_comes_late(s: Script) -> None:
    """A wrong clock below the stage reached is late as well."""
    held = until(s, 4)
    s.ends("Successful HAN Transfer", held, late=[approved(s, skew_ms=FAST_CLOCK_MS)])


@journey()
def wrong_clock_after_reset(s: Script) -> None:
    """By its own clock this transfer was before the Reset; counted as received it is after."""
    until(s, 2)
    s.wait(30, 120)
    reset = s.reset()
    s.ends("Reset by DCC", reset, after_reset=[transferred(s, skew_ms=SLOW_CLOCK_MS)])
