"""Journeys that the Service Centre ends. Reports before the Reset name their request."""

from __future__ import annotations

from sources.planning.journeys.catalogue import journey
from sources.planning.journeys.steps import (
    activated,
    delivered,
    not_delivered,
    transfer_failed,
    until,
)
from sources.planning.script import Script


@journey(2)
def reset_in_progress(s: Script) -> None:
    """Reset at any stage on the way."""
    seen = until(s, s.rng.randint(1, 4), link="request")
    s.wait(30, 300)
    s.ends("Reset by DCC", s.reset(seen=seen))


@journey()
def reset_after_failure(s: Script) -> None:
    """Reset of an item that failed."""
    until(s, 3)
    seen = not_delivered(s, link="request")
    s.wait(30, 300)
    s.ends("Reset by DCC", s.reset(seen=seen))


@journey()
def reset_after_activation(s: Script) -> None:
    """Only a Reset undoes Firmware Activated."""
    seen = until(s, 5, link="request")
    s.wait(30, 300)
    s.ends("Reset by DCC", s.reset(seen=seen))


@journey()
def reset_after_rejection(s: Script) -> None:
    """Reset of an item that never left the DSP."""
    seen = s.dsp("InvalidDeviceIDList")
    s.wait(30, 300)
    s.ends("Reset by DCC", s.reset(seen=seen))


@journey(2)
def reports_after_reset(s: Script) -> None:
    """Reports after the Reset are kept and change nothing, not even an activation."""
    until(s, 3)
    s.wait(30, 120)
    reset = s.reset()
    after = [
        delivered(s, link="request"),
        delivered(s, link="nothing"),
        activated(s, link="version"),
        transfer_failed(s),
    ]
    s.ends("Reset by DCC", reset, after_reset=after)


@journey()
def heard_after_reset(s: Script) -> None:
    """What happened before the Reset and is published after it has no mark."""
    until(s, 3)
    delivered(s, link="request", delay=600)
    s.wait(30, 120)
    s.ends("Reset by DCC", s.reset(delay=1))


@journey()
def reset_before_opening(s: Script) -> None:
    """The Reset is published before the request that it ends."""
    s.dsp("I99", delay=600)
    s.wait(5, 60)
    s.csp("APPROVED", delay=700)
    s.wait(30, 120)
    s.ends("Reset by DCC", s.reset(delay=1))


@journey()
def reset_of_nothing(s: Script) -> None:
    """A Reset that names a request without this device stays unmatched, and changes nothing."""
    held = until(s, 3)
    s.wait(30, 120)
    s.reset(request_id=s.campaign.newer.request_id, unmatched=True)
    s.ends("Successful CH Transfer", held)
