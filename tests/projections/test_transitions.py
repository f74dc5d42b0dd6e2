"""Which status may follow which, row by row of the table of legal transitions (domain 3.2).

Where design §5 decides otherwise than that table, the test says so.
"""

from __future__ import annotations

import pytest

from projections.lifecycle import LIFECYCLE
from tests.projections.story import Event, after, csp, dsp, hub, reset

EVENTS = {
    "Rejected by DSP": dsp("E5"),
    "Accepted by DSP": dsp("I99"),
    "Not Accepted by CSP": csp("N18"),
    "Approved for Distribution": csp("APPROVED"),
    "Failed CH Transfer": csp("N61"),
    "Successful CH Transfer": csp("N60"),
    "Not Delivered at HAN": hub("8F89", 3),
    "Successful HAN Transfer": hub("8F8A", 0),
    "Activation Failed": hub("CS06", 3),
    "Firmware Activated": hub("CS06", 0),
}
"""An event that reports each status; two to a stage, the failure first."""

REJECTED, ACCEPTED, NOT_ACCEPTED, APPROVED, CH_FAILED, CH_OK = list(EVENTS.values())[:6]
HAN_FAILED, HAN_OK, ACTIVATION_FAILED, ACTIVATED = list(EVENTS.values())[6:]
STAGES = (1, 2, 3, 4, 5)


def of_stages(*stages: int) -> list[Event]:
    """Both reports of each of these stages."""
    return [event for stage in stages for event in list(EVENTS.values())[2 * stage - 2 : 2 * stage]]


def label(event: Event) -> str:
    """The status that an event reports."""
    return next(name for name, known in EVENTS.items() if known is event)


def leads_to(before: list[Event], event: Event, expected: str | None = None) -> None:
    """``event`` becomes the status, in the order of events and in the opposite one."""
    shown = after(*before, event)
    assert shown.status() == (expected or label(event))
    assert shown.since() == 10 * len(before)


def changes_nothing(before: list[Event], event: Event) -> None:
    """``event``, though later, is only kept in the timeline, with a mark."""
    unchanged = after(*before)
    shown = after(*before, event)
    assert (shown.status(), shown.since()) == (unchanged.status(), unchanged.since())
    assert shown.item().timeline[-1].marks


# --- (none) ---


@pytest.mark.parametrize("event", of_stages(1), ids=label)
def test_with_nothing_known_the_dsp_accepts_or_rejects(event: Event) -> None:
    """The first word is the status."""
    leads_to([], event)


@pytest.mark.parametrize("event", of_stages(4, 5), ids=label)
def test_a_report_whose_request_is_not_loaded_waits_and_then_counts(event: Event) -> None:
    """Whatever comes first."""
    assert after(event).waiting == [event.fields["code"] + f"/{event.fields['result_code']}"]
    assert after(event).view.items == ()
    heard_first = Event(event.source, event.fields, at=30, heard=1)
    shown = after(heard_first, dsp(at=0, heard=40))
    assert shown.status() == label(event)
    assert shown.waiting == []


@pytest.mark.parametrize("event", of_stages(2, 3), ids=label)
def test_a_csp_report_opens_the_item_by_itself(event: Event) -> None:
    """Design §5, rules 2 and 8: it is kept, and shown once a device type is known."""
    assert after(event).view.items == ()
    told_type = Event(event.source, event.fields | {"device_type": "GSME"})
    assert after(told_type).status() == label(event)
    assert after(event, dsp(at=20)).status() == label(event)


# --- Rejected by DSP ---


@pytest.mark.parametrize("event", of_stages(2, 3), ids=label)
def test_after_rejected_by_dsp_a_csp_report_applies(event: Event) -> None:
    """Design §5 decides otherwise than the table: the furthest stage wins."""
    leads_to([REJECTED], event)


@pytest.mark.parametrize("event", of_stages(4, 5), ids=label)
def test_after_rejected_by_dsp_a_report_without_a_request_is_not_the_items(event: Event) -> None:
    """Nothing was accepted, so the report waits (design §5, rule 5)."""
    shown = after(REJECTED, event)
    assert shown.status() == "Rejected by DSP"
    assert len(shown.waiting) == 1


def test_after_rejected_by_dsp_only_a_later_acceptance_of_the_dsp_applies() -> None:
    """Within a stage the later event counts (design §5, rule 3)."""
    leads_to([REJECTED], ACCEPTED)
    assert after(dsp("E5", at=10), dsp("I99", at=0, heard=20)).status() == "Rejected by DSP"


# --- Accepted by DSP ---


@pytest.mark.parametrize("event", of_stages(2), ids=label)
def test_after_accepted_by_dsp_the_csp_decides(event: Event) -> None:
    """The usual way."""
    leads_to([ACCEPTED], event)


@pytest.mark.parametrize("event", of_stages(3, 4, 5), ids=label)
def test_after_accepted_by_dsp_a_later_stage_applies_though_one_was_lost(event: Event) -> None:
    """A lost report holds nothing up."""
    leads_to([ACCEPTED], event)


def test_after_accepted_by_dsp_a_later_rejection_applies_and_an_earlier_one_does_not() -> None:
    """Design §5 decides otherwise than the table: within a stage the later event counts."""
    leads_to([ACCEPTED], REJECTED)
    shown = after(dsp("I99", at=10), dsp("E5", at=0, heard=20))
    assert shown.status() == "Accepted by DSP"
    assert shown.marks("E5") == ("superseded",)


# --- Not Accepted by CSP ---


@pytest.mark.parametrize("event", [APPROVED, *of_stages(3, 4, 5)], ids=label)
def test_after_not_accepted_by_csp_the_csp_may_correct_itself(event: Event) -> None:
    """Approved, or any report of a later stage."""
    leads_to([ACCEPTED, NOT_ACCEPTED], event)


@pytest.mark.parametrize("event", of_stages(1), ids=label)
def test_after_not_accepted_by_csp_the_dsp_changes_nothing(event: Event) -> None:
    """Stage 1 never comes back."""
    changes_nothing([ACCEPTED, NOT_ACCEPTED], event)


# --- Approved for Distribution ---


@pytest.mark.parametrize("event", of_stages(3), ids=label)
def test_after_approved_the_transfer_to_the_hub_succeeds_or_fails(event: Event) -> None:
    """The usual way."""
    leads_to([ACCEPTED, APPROVED], event)


@pytest.mark.parametrize("event", of_stages(4, 5), ids=label)
def test_after_approved_a_later_stage_applies_though_one_was_lost(event: Event) -> None:
    """The CSP's report of the transfer may be missing."""
    leads_to([ACCEPTED, APPROVED], event)


@pytest.mark.parametrize("event", of_stages(1), ids=label)
def test_after_approved_the_dsp_changes_nothing(event: Event) -> None:
    """Stage 1 never comes back."""
    changes_nothing([ACCEPTED, APPROVED], event)


def test_after_approved_a_later_refusal_of_the_csp_applies() -> None:
    """Design §5 decides otherwise than the table: within a stage the later event counts."""
    leads_to([ACCEPTED, APPROVED], NOT_ACCEPTED)


# --- Failed CH Transfer ---


def test_after_a_failed_transfer_a_later_success_applies() -> None:
    """The CSP tried again."""
    leads_to([ACCEPTED, APPROVED, CH_FAILED], CH_OK)


def test_after_a_failed_transfer_an_earlier_success_does_not_apply() -> None:
    """However late it is heard of."""
    shown = after(ACCEPTED, csp("N61", at=30), csp("N60", at=20, heard=50))
    assert shown.status() == "Failed CH Transfer"
    assert shown.marks("N60") == ("superseded",)


@pytest.mark.parametrize("event", of_stages(4, 5), ids=label)
def test_after_a_failed_transfer_a_report_from_the_home_applies(event: Event) -> None:
    """The device would not report an image that never came."""
    leads_to([ACCEPTED, APPROVED, CH_FAILED], event)


@pytest.mark.parametrize("event", of_stages(1, 2), ids=label)
def test_after_a_failed_transfer_stages_1_and_2_change_nothing(event: Event) -> None:
    """Kept in the history only."""
    changes_nothing([ACCEPTED, APPROVED, CH_FAILED], event)


# --- Successful CH Transfer ---


@pytest.mark.parametrize("event", of_stages(4), ids=label)
def test_after_the_transfer_to_the_hub_the_device_gets_the_image_or_not(event: Event) -> None:
    """The usual way."""
    leads_to([ACCEPTED, APPROVED, CH_OK], event)


@pytest.mark.parametrize("event", of_stages(5), ids=label)
def test_after_the_transfer_to_the_hub_an_activation_applies(event: Event) -> None:
    """Though the report of the delivery was lost."""
    leads_to([ACCEPTED, APPROVED, CH_OK], event)


def test_after_the_transfer_to_the_hub_a_later_failure_applies() -> None:
    """Within the stage the later event counts."""
    leads_to([ACCEPTED, APPROVED, CH_OK], CH_FAILED)


@pytest.mark.parametrize("event", of_stages(1, 2), ids=label)
def test_after_the_transfer_to_the_hub_stages_1_and_2_change_nothing(event: Event) -> None:
    """Kept in the history only."""
    changes_nothing([ACCEPTED, APPROVED, CH_OK], event)


# --- Not Delivered at HAN ---


def test_after_not_delivered_a_later_delivery_applies() -> None:
    """The hub tried again."""
    leads_to([ACCEPTED, APPROVED, CH_OK, HAN_FAILED], HAN_OK)


def test_after_not_delivered_an_earlier_delivery_does_not_apply() -> None:
    """However late it is heard of."""
    shown = after(ACCEPTED, hub("8F89", 1, at=30), hub("8F8A", 0, at=20, heard=50))
    assert shown.status() == "Not Delivered at HAN"


@pytest.mark.parametrize("event", of_stages(5), ids=label)
def test_after_not_delivered_an_activation_applies(event: Event) -> None:
    """The device had the image after all."""
    leads_to([ACCEPTED, APPROVED, CH_OK, HAN_FAILED], event)


@pytest.mark.parametrize("event", of_stages(1, 2, 3), ids=label)
def test_after_not_delivered_stages_1_to_3_change_nothing(event: Event) -> None:
    """Kept in the history only."""
    changes_nothing([ACCEPTED, APPROVED, CH_OK, HAN_FAILED], event)


# --- Successful HAN Transfer ---


@pytest.mark.parametrize("event", of_stages(5), ids=label)
def test_after_the_delivery_the_firmware_is_activated_or_not(event: Event) -> None:
    """The usual way."""
    leads_to([ACCEPTED, APPROVED, CH_OK, HAN_OK], event)


@pytest.mark.parametrize("event", of_stages(1, 2, 3), ids=label)
def test_after_the_delivery_stages_1_to_3_change_nothing(event: Event) -> None:
    """Kept in the history only."""
    changes_nothing([ACCEPTED, APPROVED, CH_OK, HAN_OK], event)


@pytest.mark.parametrize("failure", [hub("8F89", 1), hub("8F1C"), hub("8F89", 3)])
def test_after_the_delivery_a_later_failure_of_the_delivery_applies(failure: Event) -> None:
    """Design §5 decides otherwise than the table, which names two of these codes: the later event
    of a stage counts, whatever its code."""
    leads_to([ACCEPTED, HAN_OK], failure, "Not Delivered at HAN")


# --- Activation Failed ---


def test_after_a_failed_activation_a_repeated_one_may_succeed() -> None:
    """11.3 was sent again."""
    leads_to([ACCEPTED, HAN_OK, ACTIVATION_FAILED], ACTIVATED)


def test_after_a_failed_activation_another_failure_keeps_the_first_time() -> None:
    """A repeat renews nothing (design §5, rule 4)."""
    shown = after(ACCEPTED, HAN_OK, ACTIVATION_FAILED, hub("CS06", 1))
    assert (shown.status(), shown.since()) == ("Activation Failed", 20)
    assert shown.marks("CS06/1") == ()


def test_after_a_failed_activation_a_delivery_changes_nothing() -> None:
    """Design §5 decides otherwise than the table, which would let a newer one apply: the furthest
    stage wins."""
    changes_nothing([ACCEPTED, HAN_OK, ACTIVATION_FAILED], hub("8F72"))


@pytest.mark.parametrize("event", of_stages(1, 2, 3), ids=label)
def test_after_a_failed_activation_stages_1_to_3_change_nothing(event: Event) -> None:
    """Kept in the history only."""
    changes_nothing([ACCEPTED, HAN_OK, ACTIVATION_FAILED], event)


# --- Firmware Activated ---


@pytest.mark.parametrize("event", [*of_stages(1, 2, 3, 4), ACTIVATION_FAILED], ids=label)
def test_firmware_activated_never_goes_back(event: Event) -> None:
    """It is final, and its evidence the earliest activation."""
    changes_nothing([ACCEPTED, HAN_OK, ACTIVATED], event)


def test_a_second_proof_of_activation_is_one_of_the_same_run() -> None:
    """It is not marked, and moves no time."""
    shown = after(ACCEPTED, ACTIVATED, hub("GCS38", running_version="0002012F"))
    assert (shown.status(), shown.since()) == ("Firmware Activated", 10)
    assert shown.marks("GCS38") == ()


# --- Reset by DCC ---


@pytest.mark.parametrize("event", of_stages(1, 2, 3, 4, 5), ids=label)
def test_after_a_reset_every_report_is_history(event: Event) -> None:
    """Kept as after-reset."""
    shown = after(ACCEPTED, reset(), event)
    assert (shown.status(), shown.since()) == ("Reset by DCC", 10)
    assert shown.item().timeline[-1].marks == ("after-reset",)


@pytest.mark.parametrize("event", of_stages(*STAGES), ids=label)
def test_a_reset_overrides_any_status(event: Event) -> None:
    """Also Firmware Activated and Rejected by DSP, where the supplier disagrees."""
    before = [] if event in of_stages(1) else [ACCEPTED]
    shown = after(*before, event, reset())
    assert (shown.status(), shown.item().completion) == ("Reset by DCC", "Failed")
    assert shown.since() == 10 * (len(before) + 1)


def test_of_two_resets_the_earlier_is_the_evidence() -> None:
    """A second one changes nothing."""
    shown = after(ACCEPTED, reset(), reset(reason="again"))
    assert shown.since() == 10
    assert shown.item().timeline[-1].marks == ()


def test_every_status_has_its_event_here() -> None:
    """A new status of the lifecycle needs its transitions written down."""
    assert [row.label for row in LIFECYCLE] == [*EVENTS, "Reset by DCC"]
