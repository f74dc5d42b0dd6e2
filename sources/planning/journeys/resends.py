"""Journeys through more than one request.

A report that names no request keeps more than an hour's distance from the next request's
acceptance: within that hour it would be the next request's.
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
from sources.planning.script import Item, Script


def _some_time_later(s: Script) -> None:
    s.wait_exactly(s.rng.uniform(75, 180))


def _open(s: Script) -> None:
    """The first request gets as far as the CSP; the DSP must know at once that it is open."""
    s.pace = 0.5
    accepted(s, delay=PROMPT)
    approved(s)


@journey(2)
def sent_again_after_failed_transfer(s: Script) -> None:
    """Failed, sent again, activated: two items."""
    _open(s)
    s.ends("Failed CH Transfer", transfer_failed(s, delay=PROMPT))
    again = Item(s.campaign.again)
    _some_time_later(s)
    taken_on_again(s, again)
    approved(s, again)
    transferred(s, again)
    delivered(s, again)
    s.ends("Firmware Activated", activated(s, again), item=again)


@journey(2)
def sent_again_after_failed_delivery(s: Script) -> None:
    """A failure that names no request is the first one's, the only one accepted by then."""
    _open(s)
    transferred(s)
    s.ends("Not Delivered at HAN", not_delivered(s, delay=PROMPT))
    again = Item(s.campaign.again)
    _some_time_later(s)
    taken_on_again(s, again)
    approved(s, again)
    s.ends("Successful CH Transfer", transferred(s, again), item=again)


@journey(2)
def newer_firmware_after_completion(s: Script) -> None:
    """Activated, then newer firmware."""
    _open(s)
    transferred(s)
    delivered(s)
    s.ends("Firmware Activated", activated(s, delay=PROMPT))
    newer = Item(s.campaign.newer)
    _some_time_later(s)
    taken_on_again(s, newer)
    approved(s, newer)
    transferred(s, newer)
    s.ends("Successful HAN Transfer", delivered(s, newer), item=newer)


@journey(2)
def sent_again_after_reset(s: Script) -> None:
    """A Reset allows the re-send; what names no request is the new one's from then on."""
    _open(s)
    transferred(s)
    s.wait(30, 120)
    s.ends("Reset by DCC", s.reset(delay=PROMPT))
    again = Item(s.campaign.again)
    _some_time_later(s)
    taken_on_again(s, again)
    approved(s, again)
    transferred(s, again)
    delivered(s, again, link="version")
    s.ends("Firmware Activated", activated(s, again, link="nothing"), item=again)


@journey()
def sent_again_while_open(s: Script) -> None:
    """The DSP refuses a device that is still on its way."""
    _open(s)
    held = transferred(s)
    again = Item(s.campaign.again)
    _some_time_later(s)
    refusal = s.dsp(v.DSP_OPEN_REQUEST, item=again, resend="refused")
    s.ends("Successful CH Transfer", held)
    s.ends("Rejected by DSP", refusal, item=again)


@journey()
def refused_again_then_finished(s: Script) -> None:
    """A refused request is never a home for reports that name none."""
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
    """Version and hash tell two open requests apart; a report with neither is the newest one's."""
    _open(s)
    transfer_failed(s, delay=PROMPT)
    newer = Item(s.campaign.newer)
    _some_time_later(s)
    taken_on_again(s, newer)
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
    """A report that names the first request counts there, though a second one is open."""
    _open(s)
    failed = transfer_failed(s, delay=PROMPT)
    again = Item(s.campaign.again)
    _some_time_later(s)
    taken_on_again(s, again)
    s.ends("Successful CH Transfer", transferred(s), superseded=[failed])
    s.ends("Approved for Distribution", approved(s, again), item=again)


@journey(2)
def newest_is_reset(s: Script) -> None:
    """A report that names no request stays with the newest item, reset or not."""
    _open(s)
    s.ends("Failed CH Transfer", transfer_failed(s, delay=PROMPT))
    again = Item(s.campaign.again)
    _some_time_later(s)
    taken_on_again(s, again)
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
    again, newer = Item(s.campaign.again), Item(s.campaign.newer)
    _some_time_later(s)
    s.dsp("I99", item=again, resend="accepted", delay=PROMPT)
    approved(s, again)
    s.wait(30, 60)
    s.ends("Reset by DCC", s.reset(item=again, delay=PROMPT), item=again)
    _some_time_later(s)
    taken_on_again(s, newer)
    approved(s, newer)
    transferred(s, newer)
    delivered(s, newer)
    s.ends("Firmware Activated", activated(s, newer), item=newer)
