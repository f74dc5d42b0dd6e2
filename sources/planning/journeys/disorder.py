"""Journeys with reports lost, late, or published backwards."""

from __future__ import annotations

from sources.planning import vocabulary as v
from sources.planning.events import PlannedEvent
from sources.planning.journeys.catalogue import journey
from sources.planning.journeys.steps import (
    accepted,
    activated,
    activation_failed,
    approved,
    delivered,
    transfer_failed,
    transferred,
    until,
)
from sources.planning.script import Script


@journey()
def lost_approval(s: Script) -> None:
    """The CSP's approval is lost."""
    accepted(s)
    s.ends("Successful CH Transfer", transferred(s))


@journey()
def lost_transfer(s: Script) -> None:
    """The report of the transfer to the hub is lost."""
    until(s, 2)
    s.ends("Successful HAN Transfer", delivered(s))


@journey()
def lost_delivery(s: Script) -> None:
    """The report of the delivery to the device is lost."""
    until(s, 3)
    s.ends("Firmware Activated", activated(s))


@journey()
def lost_middle(s: Script) -> None:
    """All reports between the DSP and the activation are lost."""
    accepted(s)
    s.wait(300, 600)
    s.ends("Firmware Activated", activated(s))


@journey()
def late_approval(s: Script) -> None:
    """An approval repeated after the transfer does not set the item back."""
    held = until(s, 3)
    s.ends("Successful CH Transfer", held, late=[approved(s)])


@journey()
def late_transfer_failure(s: Script) -> None:
    """A failure below the stage reached does not count."""
    held = until(s, 4)
    s.ends("Successful HAN Transfer", held, late=[transfer_failed(s)])


@journey()
def late_rejection(s: Script) -> None:
    """The DSP's rejection comes after the CSP's approval."""
    held = until(s, 2)
    s.wait(30, 120)
    s.ends("Approved for Distribution", held, late=[s.dsp(s.rng.choice(v.DSP_ERRORS))])


@journey(2)
def reports_after_activation(s: Script) -> None:
    """Firmware Activated is final, whatever follows."""
    proof = until(s, 5)
    low = [transfer_failed(s), delivered(s)]
    failed = activation_failed(s)
    s.ends("Firmware Activated", proof, late=low, superseded=[failed])


@journey()
def rejected_yet_approved(s: Script) -> None:
    """The CSP approves a device that the DSP rejected: the furthest stage counts."""
    s.dsp(s.rng.choice(v.DSP_WARNING_LISTS))
    s.ends("Approved for Distribution", approved(s))


@journey(2)
def published_backwards(s: Script) -> None:
    """Events are published in the reverse order."""
    s.pace = 0.5
    began = s.now

    def backwards() -> float:
        """Minutes of delay that shrink twice as fast as the journey goes on."""
        return 1800 - 2 * (s.now - began) / v.MINUTE_MS

    steps: list[PlannedEvent] = [s.dsp("I99", delay=backwards())]
    s.wait(5, 60)
    steps.append(s.csp("APPROVED", delay=backwards()))
    s.wait(60, 420)
    steps.append(s.csp("N60", delay=backwards()))
    s.wait(30, 240)
    steps.append(s.hub("8F8A", 0, delay=backwards()))
    s.wait(30, 300)
    steps.append(s.hub("CS06", 0, delay=backwards()))
    s.ends("Firmware Activated", steps[-1])
