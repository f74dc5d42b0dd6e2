"""Journeys with several reports of one stage: repeats, recoveries, relapses, ties."""

from __future__ import annotations

from sources.planning.journeys.catalogue import journey
from sources.planning.journeys.steps import (
    accepted,
    activated,
    activation_failed,
    approved,
    delivered,
    not_accepted,
    not_delivered,
    transfer_failed,
    transferred,
    until,
)
from sources.planning.script import Script


@journey()
def recovered_approval(s: Script) -> None:
    """The CSP corrects its refusal."""
    accepted(s)
    refused = not_accepted(s)
    s.ends("Approved for Distribution", approved(s), superseded=[refused])


@journey(2)
def recovered_transfer(s: Script) -> None:
    """The hub gets the image after all."""
    until(s, 2)
    failed = transfer_failed(s)
    s.ends("Successful CH Transfer", transferred(s), superseded=[failed])


@journey(2)
def recovered_delivery(s: Script) -> None:
    """The device gets the image after all."""
    until(s, 3)
    failed = not_delivered(s)
    s.ends("Successful HAN Transfer", delivered(s), superseded=[failed])


@journey(2)
def recovered_activation(s: Script) -> None:
    """A second 11.3 works."""
    until(s, 4)
    failed = activation_failed(s)
    s.ends("Firmware Activated", activated(s), superseded=[failed])


@journey(2)
def recovered_and_finished(s: Script) -> None:
    """A failure before a later stage is not marked as superseded."""
    until(s, 2)
    transfer_failed(s)
    transferred(s)
    not_delivered(s)
    delivered(s)
    s.ends("Firmware Activated", activated(s))


@journey()
def relapsed_transfer(s: Script) -> None:
    """The later report counts, though it is the worse one."""
    good = until(s, 3)
    s.ends("Failed CH Transfer", transfer_failed(s), superseded=[good])


@journey()
def relapsed_delivery(s: Script) -> None:
    """The hub throws the image away again."""
    good = until(s, 4)
    s.wait(30, 200)
    s.ends("Not Delivered at HAN", s.hub("8F89", 1), superseded=[good])


@journey()
def repeated_transfer(s: Script) -> None:
    """Three times the same report: the status holds since the first, which is published last."""
    until(s, 2)
    s.wait(60, 300)
    first = s.csp("CH-TRANSFER-OK", delay=600)
    transferred(s, delay=30)
    transferred(s, delay=1)
    s.ends("Successful CH Transfer", first)


@journey()
def repeated_failure(s: Script) -> None:
    """A repeated failure does not look newer."""
    until(s, 2)
    first = transfer_failed(s)
    transfer_failed(s)
    transfer_failed(s)
    s.ends("Failed CH Transfer", first)


@journey()
def repeated_delivery(s: Script) -> None:
    """Hub and device report the same with different codes."""
    until(s, 3)
    s.wait(30, 200)
    first = s.hub("8F8A", 0, link="version")
    s.wait(5, 60)
    s.hub("8F72", link="hash")
    delivered(s)
    s.ends("Successful HAN Transfer", first)


@journey()
def repeated_activation(s: Script) -> None:
    """Every proof of activation after the first changes nothing."""
    first = until(s, 5)
    activated(s)
    activated(s)
    s.ends("Firmware Activated", first)


@journey()
def contested_approval(s: Script) -> None:
    """No, yes, no."""
    accepted(s)
    first = not_accepted(s)
    second = approved(s)
    s.ends("Not Accepted by CSP", not_accepted(s), superseded=[first, second])


@journey()
def contested_transfer(s: Script) -> None:
    """Yes, no, yes: it holds since the second yes."""
    first = until(s, 3)
    second = transfer_failed(s)
    s.ends("Successful CH Transfer", transferred(s), superseded=[first, second])


@journey()
def contested_delivery(s: Script) -> None:
    """Yes, no, yes, yes: it holds since the second yes."""
    first = until(s, 4)
    second = not_delivered(s)
    third = delivered(s)
    delivered(s)
    s.ends("Successful HAN Transfer", third, superseded=[first, second])


@journey()
def contested_activation(s: Script) -> None:
    """No, yes, no: the yes is final."""
    until(s, 4)
    first = activation_failed(s)
    second = activated(s)
    third = activation_failed(s)
    s.ends("Firmware Activated", second, superseded=[first, third])


@journey()
def disputed_activation(s: Script) -> None:
    """Yes, no, yes: final since the first yes."""
    first = until(s, 5)
    second = activation_failed(s)
    activated(s)
    s.ends("Firmware Activated", first, superseded=[second])


@journey()
def tied_transfer(s: Script) -> None:
    """Success and failure in the same millisecond: success wins."""
    until(s, 2)
    s.wait(60, 300)
    good = s.csp("N60")
    bad = s.csp("N61")
    s.ends("Successful CH Transfer", good, superseded=[bad])


@journey()
def twin_transfers(s: Script) -> None:
    """The same report twice in the same millisecond: the smaller event ID is the evidence."""
    until(s, 2)
    s.wait(60, 300)
    one, other = s.csp("N60"), s.csp("CH-TRANSFER-OK")
    s.ends("Successful CH Transfer", one if one.event_id < other.event_id else other)
