"""Journeys whose reports name no request, or one that opens no item: matched or unmatched."""

from __future__ import annotations

from sources.planning import vocabulary as v
from sources.planning.journeys.catalogue import journey
from sources.planning.journeys.steps import (
    accepted,
    activated,
    approved,
    delivered,
    older_version,
    other_hash,
    other_version,
    transferred,
    until,
    version_read,
)
from sources.planning.script import Link, Script


def _finished_by(s: Script, link: Link) -> None:
    s.ends("Firmware Activated", until(s, 5, link=link))


@journey()
def matched_by_version(s: Script) -> None:
    """Reports carry the target version."""
    _finished_by(s, "version")


@journey()
def matched_by_hash(s: Script) -> None:
    """Reports carry the image hash, which the DSP's event ties to the version."""
    _finished_by(s, "hash")


@journey()
def matched_by_nothing(s: Script) -> None:
    """Reports carry neither: they belong to the newest item."""
    _finished_by(s, "nothing")


@journey()
def matched_past_foreign_id(s: Script) -> None:
    """Reports carry the activation request's own ID, which opens no item."""
    _finished_by(s, "foreign")


@journey(2)
def heard_before_opening(s: Script) -> None:
    """The hub's reports are published hours before those of the DSP and the CSP."""
    s.pace = 0.5
    s.dsp("I99", delay=900)
    s.wait(5, 60)
    s.csp("APPROVED", delay=800)
    s.wait(60, 420)
    s.csp("CH-TRANSFER-OK", delay=700)
    delivered(s, delay=1)
    s.ends("Firmware Activated", activated(s, delay=1))


@journey()
def hour_of_grace(s: Script) -> None:
    """A device whose clock is up to an hour slow still matches; the lower stages are then late."""
    held = s.hub("8F8A", 0, link=s.rng.choice(("version", "hash", "nothing")))
    s.wait_exactly(s.rng.uniform(20, 59))
    late = [accepted(s), approved(s)]
    s.ends("Successful HAN Transfer", held, late=late)


@journey()
def hour_of_grace_and_finished(s: Script) -> None:
    """The same device, activated: nothing is late then."""
    s.hub("8F72", link="hash")
    s.wait_exactly(s.rng.uniform(20, 59))
    until(s, 3)
    s.ends("Firmware Activated", activated(s))


@journey(2)
def older_than_the_request(s: Script) -> None:
    """Reports from more than an hour before the acceptance stay unmatched."""
    link: Link = s.rng.choice(("version", "hash", "nothing", "foreign"))
    s.hub("8F8A", 0, link=link, unmatched=True)
    s.wait_exactly(s.rng.uniform(61, 180))
    s.ends("Approved for Distribution", until(s, 2))


@journey()
def other_firmware(s: Script) -> None:
    """Reports with version, hash and request ID of firmware that was not sent to this device."""
    held = until(s, 3)
    request = s.item.request
    s.wait(30, 120)
    s.hub("8F8A", 0, unmatched=True, link="nothing",
          firmware_version=other_version(request.firmware_version))  # fmt: skip
    s.wait(30, 120)
    s.hub("8F72", unmatched=True, link="nothing", image_hash=other_hash(request.image_hash))
    s.wait(30, 120)
    s.hub("CS06", 0, unmatched=True, link="foreign",
          firmware_version=other_version(request.firmware_version))  # fmt: skip
    s.ends("Successful CH Transfer", held)


@journey()
def rejected_and_reported(s: Script) -> None:
    """Reports that name no request do not belong to one that was never accepted."""
    s.ends("Rejected by DSP", s.dsp(s.rng.choice(v.DSP_ERRORS)))
    s.wait(60, 300)
    s.hub("8F8A", 0, link="version", unmatched=True)


@journey()
def never_requested(s: Script) -> None:
    """A device that reports and is in no request."""
    s.hub("8F8A", 0, link="version", unmatched=True)
    s.wait(60, 300)
    s.hub("CS06", 0, link="foreign", unmatched=True)


@journey(2)
def proved_by_reading(s: Script) -> None:
    """The activation's reply is lost, and a later 11.2 shows the target version."""
    until(s, 4)
    s.ends("Firmware Activated", version_read(s, s.item.request.firmware_version))


@journey()
def old_version_read(s: Script) -> None:
    """An 11.2 that shows another version proves nothing about this request."""
    held = until(s, 4)
    version_read(s, older_version(s.item.request.firmware_version), unmatched=True)
    s.ends("Successful HAN Transfer", held)


@journey()
def dated_and_done(s: Script) -> None:
    """A future-dated activation is accepted, then reported as done, both by other names."""
    accepted(s)
    approved(s)
    transferred(s)
    delivered(s)
    s.wait(10, 60)
    s.hub("CS06", link="foreign")
    s.wait(120, 400)
    s.ends("Firmware Activated", s.hub("8F66", 0, link="nothing", message=v.ACTIVATION_MESSAGE))
