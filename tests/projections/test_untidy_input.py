"""What the fold makes of untidy input, case by case of the domain's table (3.3).

Where design §5 decides otherwise than that table, the test says so.
"""

from __future__ import annotations

import pytest

from schemas.codec import BadRecord
from schemas.topics import DAY_MS
from tests.projections.story import (
    HASH,
    LATER_HASH,
    LATER_REQUEST,
    LATER_VERSION,
    MINUTE,
    REQUEST,
    START,
    VERSION,
    Event,
    after,
    csp,
    dsp,
    hub,
    reset,
)

DAY = DAY_MS / MINUTE
LATER = {"service_request_id": LATER_REQUEST, "firmware_version": LATER_VERSION}


def later_dsp(code: str = "I99", **changes: object) -> Event:
    """The DSP answered for a second request, of a later version."""
    return dsp(code, **({**LATER, "image_hash": LATER_HASH} | changes))


# --- Duplicate report ---


def test_a_copy_of_an_event_is_counted_and_not_listed() -> None:
    """The same topic and event ID are the same event."""
    shown = after(dsp(at=0), dsp(at=0, heard=30, event=0), csp("APPROVED", at=40))
    assert [entry.code for entry in shown.item().timeline] == ["I99", "APPROVED"]
    assert shown.entry("I99").copies == 1


def test_of_several_copies_the_one_received_first_counts() -> None:
    """Also where the later one is processed first, and even where they contradict each other."""
    shown = after(dsp("E5", at=0, heard=30, event=0), dsp("I99", at=0, heard=1, event=0))
    assert shown.status() == "Accepted by DSP"
    assert shown.item().evidence.offset == 1


def test_two_events_that_say_the_same_are_two_entries_of_one_run() -> None:
    """The status holds since the first."""
    shown = after(dsp(), csp("N60"), csp("N60"), csp("N60"))
    assert [entry.marks for entry in shown.item().timeline] == [()] * 4
    assert shown.since() == 10


def test_the_same_event_id_of_another_source_is_another_event() -> None:
    """Identity is topic and event ID."""
    shown = after(dsp(event=7), csp("APPROVED", event=7))
    assert len(shown.item().timeline) == 2


# --- Late report ---


def test_a_late_report_of_an_earlier_stage_never_takes_the_status_back() -> None:
    """It is kept; one whose time lies before the status is plain history."""
    shown = after(dsp(at=0), csp("N60", at=20), csp("APPROVED", at=10, heard=60))
    assert shown.status() == "Successful CH Transfer"
    assert shown.marks("APPROVED") == ()


def test_an_earlier_stage_reported_for_a_later_time_is_marked_late() -> None:
    """So that people see that the sources disagree."""
    shown = after(dsp(at=0), csp("N60", at=20), csp("APPROVED", at=30))
    assert shown.status() == "Successful CH Transfer"
    assert shown.marks("APPROVED") == ("late",)


def test_what_happened_first_counts_and_not_what_was_heard_first() -> None:
    """The time of the event orders, not that of receipt."""
    shown = after(dsp(at=0), csp("N61", at=30, heard=31), csp("N60", at=20, heard=90))
    assert (shown.status(), shown.since()) == ("Failed CH Transfer", 30)


def test_of_two_at_the_same_time_the_success_counts() -> None:
    """Design §5, rule 3."""
    shown = after(dsp(at=0), csp("N60", at=20), csp("N61", at=20))
    assert (shown.status(), shown.since()) == ("Successful CH Transfer", 20)


def test_a_run_that_was_interrupted_counts_from_its_last_beginning() -> None:
    """Failed, succeeded, failed again: since the last failure (design §5, rule 4)."""
    shown = after(dsp(), csp("N61"), csp("N60"), csp("N61"), csp("N61"))
    assert (shown.status(), shown.since()) == ("Failed CH Transfer", 30)
    marks = [entry.marks for entry in shown.item().timeline]
    assert marks == [(), ("superseded",), ("superseded",), (), ()]


# --- Two stamps ---


@pytest.mark.parametrize("ahead", [60, 60 + 1 / MINUTE, 600])
def test_an_event_time_up_to_an_hour_ahead_is_believed(ahead: float) -> None:
    """More than that counts as the received time, and is marked (design §5, rule 7)."""
    shown = after(dsp(at=ahead, heard=0))
    assert shown.since() == (ahead if ahead <= 60 else 0)
    assert shown.marks("I99") == (() if ahead <= 60 else ("clock-skew",))
    assert shown.entry("I99").occurred_at == START + round(ahead * MINUTE)


@pytest.mark.parametrize("ago", [2 * DAY, 2 * DAY + 1 / MINUTE, 9 * DAY])
def test_an_event_time_up_to_two_days_before_its_receipt_is_believed(ago: float) -> None:
    """Alerts may be delivered again for two days; design §5 measures from the receipt."""
    shown = after(dsp(at=0, heard=ago))
    assert shown.since() == (0 if ago <= 2 * DAY else ago)
    assert shown.marks("I99") == (() if ago <= 2 * DAY else ("clock-skew",))


# --- Report without request ID ---


def test_a_report_without_a_request_belongs_to_the_newest_item_of_its_version() -> None:
    """Two requests are open, and the report names the version of the older one."""
    shown = after(dsp(), later_dsp(), hub("8F8A", 0, firmware_version=VERSION))
    assert shown.status(REQUEST) == "Successful HAN Transfer"
    assert shown.status(LATER_REQUEST) == "Accepted by DSP"


def test_a_report_with_only_a_hash_belongs_to_the_item_of_that_image() -> None:
    """Through the versions known for the device."""
    shown = after(dsp(), later_dsp(), hub("8F72", image_hash=HASH))
    assert shown.status(REQUEST) == "Successful HAN Transfer"
    assert shown.status(LATER_REQUEST) == "Accepted by DSP"


def test_a_hash_may_be_known_from_an_older_request_of_the_same_version() -> None:
    """The newest item of the version has it, though its own event told no hash."""
    again = dsp(service_request_id=LATER_REQUEST, image_hash=None)
    shown = after(dsp(), again, hub("8F72", image_hash=HASH))
    assert shown.status(LATER_REQUEST) == "Successful HAN Transfer"


def test_a_version_counts_before_a_hash() -> None:
    """Design §5, rule 5."""
    report = hub("8F72", firmware_version=LATER_VERSION, image_hash=HASH)
    shown = after(dsp(), later_dsp(), report)
    assert shown.status(LATER_REQUEST) == "Successful HAN Transfer"


def test_a_report_with_neither_belongs_to_the_newest_of_two_open_items() -> None:
    """Design §5 decides otherwise than the table, which would leave it unmatched."""
    shown = after(dsp(), later_dsp(), hub("8F8A", 0))
    assert shown.status(LATER_REQUEST) == "Successful HAN Transfer"


def test_a_report_that_fits_no_version_or_hash_waits() -> None:
    """It is visible, and never guessed."""
    shown = after(
        dsp(),
        hub("8F8A", 0, firmware_version="FFFFFFFF"),
        hub("8F72", image_hash="EE" * 32),
        hub("GCS38", running_version="FFFFFFFF"),
    )
    assert shown.status() == "Accepted by DSP"
    assert shown.waiting == ["8F8A/0", "8F72", "GCS38"]


def test_a_failed_item_still_takes_reports() -> None:
    """See the recovery column of the transitions."""
    shown = after(dsp(), csp("N61"), hub("8F8A", 0, firmware_version=VERSION))
    assert shown.status() == "Successful HAN Transfer"


def test_a_report_may_be_an_hour_older_than_the_acceptance_and_no_more() -> None:
    """Clocks differ (design §5, rule 5)."""
    assert after(dsp(at=60), hub("8F8A", 0, at=0, heard=70)).status() == "Successful HAN Transfer"
    late = after(dsp(at=60 + 1 / MINUTE), hub("8F8A", 0, at=0, heard=70))
    assert (late.status(), late.waiting) == ("Accepted by DSP", ["8F8A/0"])


def test_the_first_word_that_did_not_refuse_is_the_acceptance() -> None:
    """A rejection before it does not count, and neither does a later repeat."""
    shown = after(
        dsp("E5", at=0),
        csp("APPROVED", at=100),
        dsp("I99", at=300),
        hub("8F8A", 0, at=41, heard=301),
        hub("8F72", at=39, heard=302),
    )
    assert shown.waiting == ["8F72"]


def test_a_report_for_a_request_that_is_not_open_is_treated_as_having_none() -> None:
    """Replies to 11.3 carry the ID of the 11.3 (design §5, rule 2)."""
    foreign = REQUEST.replace("1000", "77")
    shown = after(dsp(), hub("CS06", 0, service_request_id=foreign))
    assert shown.status() == "Firmware Activated"
    assert len(shown.view.items) == 1


def test_a_report_that_names_its_request_belongs_to_it_whatever_its_version() -> None:
    """The name outranks every match."""
    report = hub("8F8A", 0, service_request_id=REQUEST, firmware_version=LATER_VERSION)
    shown = after(dsp(), later_dsp(), report)
    assert shown.status(REQUEST) == "Successful HAN Transfer"
    assert shown.marks("8F8A/0") == ()


def test_the_items_are_newest_first_and_of_two_at_once_the_larger_request_is_newer() -> None:
    """By acceptance; a rejected one comes after all accepted ones."""
    rejected = later_dsp("E5", service_request_id=REQUEST.replace("1000", "9000"))
    shown = after(dsp(at=0), later_dsp(at=0), rejected)
    requests = [item.service_request_id for item in shown.view.items]
    assert requests == [LATER_REQUEST, REQUEST, REQUEST.replace("1000", "9000")]
    assert after(dsp(at=0), later_dsp(at=0), hub("8F8A", 0)).status(REQUEST) == "Accepted by DSP"


# --- Reset ---


def test_a_report_for_a_reset_item_is_recorded_there_and_not_moved_to_an_older_one() -> None:
    """Design §5 decides otherwise than the table, which would pass over reset items."""
    shown = after(dsp(), later_dsp(), reset(service_request_id=LATER_REQUEST), hub("8F8A", 0))
    assert shown.marks("8F8A/0", LATER_REQUEST) == ("after-reset",)
    assert shown.status(REQUEST) == "Accepted by DSP"


def test_a_report_that_names_no_request_is_after_the_reset_whatever_its_time() -> None:
    """Design §5, rule 5: it is recorded as after-reset."""
    shown = after(dsp(at=0), hub("8F8A", 0, at=5), reset(at=10))
    assert shown.marks("8F8A/0") == ("after-reset",)


def test_what_named_the_request_before_its_reset_is_plain_history() -> None:
    """It did become the status once."""
    shown = after(dsp(at=0), csp("N60", at=5), reset(at=10), csp("N61", at=10.001))
    assert shown.marks("N60") == ()
    assert shown.marks("N61") == ("after-reset",)


def test_a_reset_whose_item_is_not_there_waits_and_applies_when_it_opens() -> None:
    """A Reset always names its item, and is never matched to another."""
    waiting = after(later_dsp(), reset())
    assert waiting.waiting == ["RESET"]
    assert waiting.status(LATER_REQUEST) == "Accepted by DSP"
    shown = after(later_dsp(), reset(at=10), dsp(at=5, heard=20))
    assert (shown.status(REQUEST), shown.waiting) == ("Reset by DCC", [])


# --- Re-send ---


def test_a_resend_while_one_is_in_progress_is_the_dsps_to_judge() -> None:
    """Design §5: the tracker only tracks. Refused or accepted, it is an item of its own."""
    refused = after(dsp(), later_dsp("E5"))
    assert (refused.status(REQUEST), refused.status(LATER_REQUEST)) == (
        "Accepted by DSP",
        "Rejected by DSP",
    )
    accepted = after(dsp(), later_dsp())
    assert accepted.status(LATER_REQUEST) == "Accepted by DSP"


@pytest.mark.parametrize(
    "end", [csp("N61"), hub("CS06", 0), reset()], ids=["failed", "complete", "reset"]
)
def test_a_resend_after_an_end_is_a_new_item_and_the_old_one_stays(end: Event) -> None:
    """The device's requests are shown newest first."""
    shown = after(dsp(), end, later_dsp(at=300))
    assert [item.service_request_id for item in shown.view.items] == [LATER_REQUEST, REQUEST]
    assert shown.item(REQUEST).status.completion != "In Progress"


# --- The hub, activation, other cases ---


def test_a_newer_image_that_replaces_one_in_the_hub_ends_the_older_item_only() -> None:
    """8F89/1 names the version that was discarded."""
    shown = after(dsp(), later_dsp(), hub("8F89", 1, firmware_version=VERSION))
    assert shown.status(REQUEST) == "Not Delivered at HAN"
    assert shown.status(LATER_REQUEST) == "Accepted by DSP"


def test_a_future_dated_activation_that_was_accepted_changes_no_status() -> None:
    """Neither does one that was cancelled: it stays Successful HAN Transfer."""
    shown = after(dsp(), hub("8F8A", 0), hub("CS06", message_code="0012"))
    assert (shown.status(), shown.since()) == ("Successful HAN Transfer", 10)
    entry = shown.entry("CS06")
    assert (entry.status, entry.marks) == (None, ())


def test_an_activation_that_finds_no_image_advises_to_send_the_request_again() -> None:
    """11.3 alone would not help."""
    item = after(dsp(), hub("8F8A", 0), hub("CS06", 1)).item()
    assert item.status.label == "Activation Failed"
    assert item.reason.next_step == "Send the Update Firmware request again, then activate."
    assert not item.reason.retryable


def test_a_lost_activation_reply_is_made_good_by_the_version_that_runs() -> None:
    """A later reply to 11.2 is proof, for the newest item of that version."""
    shown = after(dsp(), hub("8F8A", 0), hub("ECS52", running_version=VERSION))
    assert shown.status() == "Firmware Activated"


def test_a_reply_to_11_2_is_matched_by_what_runs_and_not_by_the_target() -> None:
    """And must say what runs."""
    shown = after(
        dsp(), later_dsp(), hub("ECS52", running_version=VERSION, firmware_version=LATER_VERSION)
    )
    assert shown.status(REQUEST) == "Firmware Activated"
    with pytest.raises(BadRecord, match="invalid-running-version"):
        after(dsp(), hub("ECS52", firmware_version=VERSION))


def test_a_ppmid_goes_from_the_delivery_to_activated_by_itself() -> None:
    """11.4 needs no 11.3, and the delivery may not be reported at all."""
    ppmid = dsp(service_reference_variant="11.4", device_type="PPMID")
    alert = hub("8F8B", 0, message_code="012B", firmware_version=VERSION)
    assert after(ppmid, hub("8F8A", 0), alert).status() == "Firmware Activated"
    assert after(ppmid, alert).status() == "Firmware Activated"


def test_after_a_change_of_supplier_the_item_stays_with_who_sent_it() -> None:
    """The new supplier's own request is another item, with another owner."""
    other = REQUEST.replace("90-B3-D5-1F-30-01-00-00", "90-B3-D5-1F-30-02-00-00", 1)
    shown = after(
        dsp(), later_dsp(service_request_id=other), hub("8F8A", 0, firmware_version=VERSION)
    )
    assert shown.status(REQUEST) == "Successful HAN Transfer"
    assert shown.status(other) == "Accepted by DSP"


def test_a_device_that_is_silent_for_ever_keeps_its_status_until_it_ages_out() -> None:
    """There is no status for a device that was taken down; the DCC may reset it."""
    item = after(dsp(), csp("APPROVED")).item()
    assert item.available_until == START + 11 * MINUTE + 30 * DAY_MS
