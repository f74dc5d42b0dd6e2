"""Journeys with one report of each stage: to the end, to a failure, or to a halt."""

from __future__ import annotations

from sources.planning import vocabulary as v
from sources.planning.journeys.catalogue import journey
from sources.planning.journeys.steps import (
    accepted,
    activated,
    activation_failed,
    delivered,
    not_accepted,
    not_delivered,
    transfer_failed,
    until,
)
from sources.planning.script import Script


@journey()
def happy(s: Script) -> None:
    """Accepted, approved, transferred, delivered, activated."""
    until(s, 4)
    if s.rng.random() < 0.3:
        delivered(s)
    if s.rng.random() < 0.15:
        s.wait(10, 60)
        s.hub("CS06", link="foreign")
    s.ends("Firmware Activated", activated(s))


@journey(3)
def rejected_by_error(s: Script) -> None:
    """The DSP rejects the whole request: one event for each device."""
    s.ends("Rejected by DSP", s.dsp(s.rng.choice(v.DSP_ERRORS)))


@journey(3)
def rejected_by_warning_list(s: Script) -> None:
    """The request is accepted and the device is in one of its warning lists."""
    s.ends("Rejected by DSP", s.dsp(s.rng.choice(v.DSP_WARNING_LISTS)))


@journey(3)
def refused_by_csp(s: Script) -> None:
    """The CSP does not take the device."""
    accepted(s)
    s.ends("Not Accepted by CSP", not_accepted(s))


@journey(4)
def not_transferred(s: Script) -> None:
    """The image never reaches the hub."""
    until(s, 2)
    s.ends("Failed CH Transfer", transfer_failed(s))


@journey(4)
def undelivered(s: Script) -> None:
    """The image reaches the hub and not the device."""
    until(s, 3)
    s.ends("Not Delivered at HAN", not_delivered(s))


@journey(4)
def not_activated(s: Script) -> None:
    """The device holds the image and does not run it."""
    until(s, 4)
    s.ends("Activation Failed", activation_failed(s))


@journey(2)
def stuck_accepted(s: Script) -> None:
    """Nothing follows after the DSP."""
    s.ends("Accepted by DSP", until(s, 1))


@journey(3)
def stuck_approved(s: Script) -> None:
    """Nothing follows after the CSP's approval."""
    s.ends("Approved for Distribution", until(s, 2))


@journey(3)
def stuck_transferred(s: Script) -> None:
    """The hub has the image, and the device does not report."""
    s.ends("Successful CH Transfer", until(s, 3))


@journey(4)
def stuck_delivered(s: Script) -> None:
    """The supplier never activates."""
    s.ends("Successful HAN Transfer", until(s, 4))


@journey(2)
def activation_dated(s: Script) -> None:
    """A future-dated 11.3 was accepted: an entry in the timeline without a status."""
    held = until(s, 4)
    s.wait(30, 300)
    s.hub("CS06")
    s.ends("Successful HAN Transfer", held)
