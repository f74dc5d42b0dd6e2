"""Journeys through more than one request.

A report that names no request is more than an hour older than the next request's acceptance: within
that hour it would belong to the next request.
"""

from __future__ import annotations

from sources.planning import vocabulary as v
from sources.planning.journeys.catalogue import journey
from sources.planning.journeys.steps import (
    PROMPT,
    accepted,
    activated,
    approved,
    delivered,
    not_delivered,
    taken_on_again,
    transfer_failed,
    transferred,
)
from sources.planning.script import Item, PlannedRequest, Script


def _some_time_later(s: Script) -> None:
    s.wait_exactly(s.rng.uniform(75, 180))


def _sent_again(s: Script, request: PlannedRequest) -> Item:
    """The DSP accepts the device under ``request``, some time later; the new item."""
    item = Item(request)
    _some_time_later(s)
    taken_on_again(s, item)
    return item


def _open(s: Script) -> None:
    """The first request reaches the CSP; the DSP's event is prompt, so that its register has it."""
    s.pace = 0.5
    accepted(s, delay=PROMPT)
    approved(s)


@journey(2)
def sent_again_after_failed_transfer(s: Script) -> None:
    """Failed, sent again, activated: two items."""
    _open(s)
    s.ends("Failed CH Transfer", transfer_failed(s, delay=PROMPT))
    again = _sent_again(s, s.campaign.again)
    approved(s, again)
    transferred(s, again)
    delivered(s, again)
    s.ends("Firmware Activated", activated(s, again), item=again)


@journey(2)
def sent_again_after_failed_delivery(s: Script) -> None:
    """A failure that names no request belongs to the first, the only one accepted by then."""
    _open(s)
    transferred(s)
    s.ends("Not Delivered at HAN", not_delivered(s, delay=PROMPT))
    again = _sent_again(s, s.campaign.again)
    approved(s, again)
    s.ends("Successful CH Transfer", transferred(s, again), item=again)


@journey(2)
def newer_firmware_after_completion(s: Script) -> None:
    """Activated, then newer firmware."""
    _open(s)
    transferred(s)
    delivered(s)
    s.ends("Firmware Activated", activated(s, delay=PROMPT))
    newer = _sent_again(s, s.campaign.newer)
    approved(s, newer)
    transferred(s, newer)
    s.ends("Successful HAN Transfer", delivered(s, newer), item=newer)


@journey(2)
def sent_again_after_reset(s: Script) -> None:
    """A Reset allows the re-send; reports that name no request then belong to the new one."""
    _open(s)
    transferred(s)
    s.wait(30, 120)
    s.ends("Reset by DCC", s.reset(delay=PROMPT))
    again = _sent_again(s, s.campaign.again)
    approved(s, again)
    transferred(s, again)
    delivered(s, again, link="version")
    s.ends("Firmware Activated", activated(s, again, link="nothing"), item=again)


@journey()
def sent_again_while_open(s: Script) -> None:
    """The DSP refuses a device whose request is still open."""
    _open(s)
    held = transferred(s)
    again = Item(s.campaign.again)
    _some_time_later(s)
    refusal = s.dsp(v.DSP_OPEN_REQUEST, item=again, resend="refused")
    s.ends("Successful CH Transfer", held)
    s.ends("Rejected by DSP", refusal, item=again)


@journey()
def refused_again_then_finished(s: Script) -> None:
    """Reports that name no request never belong to a refused one."""
    _open(s)
    transferred(s)
    again = Item(s.campaign.again)
    _some_time_later(s)
    refusal = s.dsp(v.DSP_OPEN_REQUEST, item=again, resend="refused")
    delivered(s, link="version")
    s.ends("Firmware Activated", activated(s, link="nothing"))
    s.ends("Rejected by DSP", refusal, item=again)


@journey()
def two_versions_at_once(s: Script) -> None:
    """Version and hash distinguish two open requests; a report with neither belongs to the
    newest."""
    _open(s)
    transfer_failed(s, delay=PROMPT)
    newer = _sent_again(s, s.campaign.newer)
    approved(s, newer)
    transferred(s)
    s.wait(30, 120)
    held = s.hub("8F8A", 0, link="version")
    s.wait(30, 120)
    s.hub("8F72", link="hash")
    delivered(s, newer, link="hash")
    s.ends("Firmware Activated", activated(s, newer, link="nothing"), item=newer)
    s.ends("Successful HAN Transfer", held)


@journey()
def late_word_on_the_first(s: Script) -> None:
    """A report that names the first request belongs to it, though a second one is open."""
    _open(s)
    failed = transfer_failed(s, delay=PROMPT)
    again = _sent_again(s, s.campaign.again)
    s.ends("Successful CH Transfer", transferred(s), superseded=[failed])
    s.ends("Approved for Distribution", approved(s, again), item=again)


@journey(2)
def newest_is_reset(s: Script) -> None:
    """A report that names no request belongs to the newest item, even if that was reset."""
    _open(s)
    s.ends("Failed CH Transfer", transfer_failed(s, delay=PROMPT))
    again = _sent_again(s, s.campaign.again)
    transferred(s, again)
    s.wait(30, 60)
    reset = s.reset(item=again)
    after = [
        delivered(s, again, link="nothing"),
        delivered(s, again, link="hash"),
        activated(s, again, link="version"),
    ]
    s.ends("Reset by DCC", reset, item=again, after_reset=after)


@journey()
def third_time_lucky(s: Script) -> None:
    """Failed, reset, activated: three items."""
    _open(s)
    s.ends("Failed CH Transfer", transfer_failed(s, delay=PROMPT))
    again = Item(s.campaign.again)
    _some_time_later(s)
    s.dsp("I99", item=again, resend="accepted", delay=PROMPT)
    approved(s, again)
    s.wait(30, 60)
    s.ends("Reset by DCC", s.reset(item=again, delay=PROMPT), item=again)
    newer = _sent_again(s, s.campaign.newer)
    approved(s, newer)
    transferred(s, newer)
    delivered(s, newer)
    s.ends("Firmware Activated", activated(s, newer), item=newer)
