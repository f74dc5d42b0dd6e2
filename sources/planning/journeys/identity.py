"""Journeys in which version and device type come from other events than usual."""

from __future__ import annotations

from sources.planning.journeys.catalogue import journey
from sources.planning.journeys.steps import (
    activated,
    delivered,
    older_version,
    other_version,
    until,
)
from sources.planning.script import Script


@journey(2)
def opened_by_csp(s: Script) -> None:
    """The DSP's event is lost; the CSP's gives version and type."""
    s.csp("APPROVED", tells_type=True)
    s.wait(60, 300)
    s.csp("N60")
    delivered(s, link="version")
    s.ends("Firmware Activated", activated(s, link="nothing"))


@journey()
def type_told_later(s: Script) -> None:
    """The first of two CSP events does not give the type."""
    s.csp("APPROVED", tells_type=False)
    s.wait(60, 300)
    s.ends("Successful CH Transfer", s.csp("N60", tells_type=True))


@journey()
def type_never_told(s: Script) -> None:
    """Kept and not served, for the device may not be an eligible one."""
    s.csp("APPROVED", tells_type=False)
    delivered(s, link="request")
    s.stays_hidden()


@journey()
def described_by_dsp(s: Script) -> None:
    """The DSP's version counts, though the CSP's event is older."""
    old = older_version(s.item.request.firmware_version)
    held = s.csp("APPROVED", firmware_version=old, tells_type=False)
    s.wait(5, 60)
    s.ends("Approved for Distribution", held, late=[s.dsp("I99")])


@journey()
def described_twice(s: Script) -> None:
    """Of two descriptions by the DSP the earliest counts."""
    held = until(s, 1)
    s.wait(30, 120)
    s.dsp("I0", firmware_version=other_version(s.item.request.firmware_version))
    s.ends("Accepted by DSP", held)
