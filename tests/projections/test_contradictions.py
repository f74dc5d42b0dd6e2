"""What a report comes to that speaks of another version or image than its item's (I15).

An activation is never said of what the report itself excludes; docs/lifecycle.md has every
combination, made by the fold.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.projections.story import (
    LATER_HASH,
    LATER_REQUEST,
    LATER_VERSION,
    REQUEST,
    VERSION,
    Event,
    after,
    csp,
    dsp,
    hub,
    reset,
)
from tests.projections.test_untidy_input import later_dsp

ACTIVATIONS: Final = [
    ("GCS38", {}),
    ("ECS52", {}),
    ("CS08", {}),
    ("CS06", {"result_code": 0}),
    ("8F66", {"message_code": "00CA"}),
    ("8F66", {"result_code": 0, "message_code": "00CA"}),
    ("8F8B", {"result_code": 0, "message_code": "012B"}),
]
"""Every code that says that a firmware was activated."""


@pytest.mark.parametrize(("code", "also"), ACTIVATIONS)
@pytest.mark.parametrize("opening", [dsp(), csp("APPROVED", device_type="ESME")])
def test_an_activation_is_not_believed_of_another_version_than_the_one_that_runs(
    code: str, also: dict[str, Any], opening: Event
) -> None:
    """Though it names the request, and whatever target it names beside it."""
    for target in (None, VERSION, LATER_VERSION):
        claim = hub(
            code,
            service_request_id=REQUEST,
            running_version="0000DEAD",
            firmware_version=target,
            **also,
        )
        for story in ((opening, hub("8F8A", 0), claim), (claim, opening, hub("8F8A", 0))):
            shown = after(*story)
            assert shown.status() == "Successful HAN Transfer"
            (entry,) = [e for e in shown.item().timeline if e.code.startswith(code)]
            assert (entry.status, entry.marks) == (None, ())
            assert entry.reason.text == (
                "It speaks of version 0000DEAD, and this request is for 0002012F"
            )


@pytest.mark.parametrize(("code", "also"), ACTIVATIONS[3:])
@pytest.mark.parametrize(
    "says", [{"firmware_version": LATER_VERSION}, {"image_hash": LATER_HASH}], ids=str
)
def test_an_activation_of_another_target_or_image_is_not_believed(
    code: str, also: dict[str, Any], says: dict[str, Any]
) -> None:
    """Named, it stands in the history; unnamed, it waits for a request that it fits."""
    named = hub(code, service_request_id=REQUEST, **says, **also)
    assert after(dsp(), hub("8F8A", 0), named).status() == "Successful HAN Transfer"
    waiting = after(dsp(), hub("8F8A", 0), hub(code, **says, **also))
    assert waiting.status() == "Successful HAN Transfer"
    assert len(waiting.waiting) == 1


def test_an_image_that_nobody_knows_contradicts_nothing() -> None:
    """The DSP need not tell a hash, and a CSP never does."""
    claim = hub("CS06", 0, service_request_id=REQUEST, image_hash=LATER_HASH)
    assert after(dsp(image_hash=None), claim).status() == "Firmware Activated"
    assert after(csp("APPROVED", device_type="ESME"), claim).status() == "Firmware Activated"


def test_what_runs_finds_the_request_that_was_for_it() -> None:
    """Not the newest one: a late reply to the activation of an older request."""
    shown = after(dsp(), later_dsp(), hub("CS06", 0, running_version=VERSION))
    assert shown.status(REQUEST) == "Firmware Activated"
    assert shown.status(LATER_REQUEST) == "Accepted by DSP"


def test_a_later_description_decides_which_activations_are_believed() -> None:
    """The target is that of the earliest DSP event, whenever it comes."""
    claim = hub("CS06", 0, service_request_id=REQUEST, running_version=LATER_VERSION, at=30)
    late = dsp(firmware_version=LATER_VERSION, at=1, heard=50)
    assert after(dsp(at=10), claim).status() == "Accepted by DSP"
    assert after(dsp(at=10), claim, late).status() == "Firmware Activated"


def test_a_failed_activation_shows_the_old_version_and_counts() -> None:
    """Nothing contradicts it: what runs after a failure is not the target."""
    failed = hub("CS06", 3, service_request_id=REQUEST, running_version="00010000")
    assert after(dsp(), hub("8F8A", 0), failed).status() == "Activation Failed"


def test_a_false_activation_is_after_the_reset_like_all_that_comes_then() -> None:
    """And takes nothing back."""
    claim = hub("GCS38", service_request_id=REQUEST, running_version="0000DEAD")
    shown = after(dsp(), reset(), claim)
    assert shown.status() == "Reset by DCC"
    assert (shown.entry("GCS38").status, shown.marks("GCS38")) == (None, ("after-reset",))


def test_only_activations_are_doubted() -> None:
    """A delivery that names its request counts, whatever version it says beside it."""
    delivered = hub("8F8A", 0, service_request_id=REQUEST, firmware_version=LATER_VERSION)
    claim = hub("GCS38", service_request_id=REQUEST, running_version="0000DEAD")
    assert after(dsp(), delivered, claim).status() == "Successful HAN Transfer"
