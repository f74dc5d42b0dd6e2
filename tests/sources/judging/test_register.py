"""The DSP's register: who is on the way, by what others say, in whatever order it is heard."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.identifiers import InvalidIdentifier
from schemas.topics import Source
from sources.judging.register import Register, Word, word_of

DEVICE = "00-DB-12-34-56-00-00-01"
FIRST = "90-B3-D5-1F-30-01-00-00:90-B3-D5-1F-30-00-00-02:1000"
AGAIN = "90-B3-D5-1F-30-01-00-00:90-B3-D5-1F-30-00-00-02:1001"
ACTIVATION = f"90-B3-D5-1F-30-01-00-00:{DEVICE}:77"
VERSION = "0002012F"


def register(*words: Word) -> Register:
    """One device under one request since time 100, and what was heard of it."""
    made = Register()
    made.take_on(DEVICE, FIRST, VERSION, 100)
    for word in words:
        made.hear(DEVICE, word)
    return made


def csp(code: str, at_ms: int, request_id: str = FIRST) -> Word:
    """A CSP's word."""
    word = word_of(
        Source.CSP, {"service_request_id": request_id, "code": code, "occurred_at": at_ms}
    )
    assert word is not None
    return word


def hub_fields(code: str, **fields: Any) -> dict[str, Any]:
    """A hub's report without request, result and versions, but for ``fields``."""
    blank = {"service_request_id": None, "result_code": None, "message_code": None}
    versions = {"firmware_version": None, "running_version": None}
    return blank | versions | {"occurred_at": 200, "code": code} | fields


def hub(code: str, **fields: Any) -> Word:
    """A hub's word."""
    word = word_of(Source.COMMS_HUB, hub_fields(code, **fields))
    assert word is not None
    return word


def test_a_request_is_open_from_its_acceptance() -> None:
    """And not before, nor on other devices."""
    assert register().open_request(DEVICE, 100) == FIRST
    assert register().open_request(DEVICE, 99) is None
    assert register().open_request("00-DB-12-34-56-00-00-02", 100) is None


@pytest.mark.parametrize("code", ["NOT-ACCEPTED", "n18 ", "N23", "CH-TRANSFER-FAILED", "N61"])
def test_a_failure_at_the_csp_ends_it(code: str) -> None:
    """From the moment it happened."""
    heard = register(csp(code, 200))
    assert heard.open_request(DEVICE, 199) == FIRST
    assert heard.open_request(DEVICE, 200) is None


@pytest.mark.parametrize(
    "word",
    [
        hub("8F89", result_code=2),
        hub("8F1C"),
        hub("CS06", result_code=0),
        hub("CS06", result_code=3),
        hub("8F66", message_code="00CA"),
        hub("8F67", message_code="00CA", result_code=1),
        hub("8F8B", result_code=0),
        hub("ECS52", running_version=VERSION.lower()),
        hub("CS06", result_code=0, service_request_id=ACTIVATION),
    ],
)
def test_an_end_at_the_device_ends_it(word: Word) -> None:
    """Whether or not the report names the request."""
    assert register(word).open_request(DEVICE, 200) is None


@pytest.mark.parametrize(
    "fields",
    [
        hub_fields("CS06"),
        hub_fields("8F66"),
        hub_fields("ECS52"),
        hub_fields("AD1"),
    ],
)
def test_some_reports_say_nothing(fields: dict[str, Any]) -> None:
    """A dated activation, another command's alert, a reply without version, another alert."""
    assert word_of(Source.COMMS_HUB, fields) is None


def test_reports_on_the_way_leave_it_open() -> None:
    """Approval, transfer, delivery."""
    heard = register(csp("APPROVED", 110), csp("N60", 120), hub("8F8A"))
    assert heard.open_request(DEVICE, 500) == FIRST


@pytest.mark.parametrize("named", [None, FIRST])
@pytest.mark.parametrize(
    ("code", "fields"),
    [
        ("GCS38", {"running_version": "00020000"}),
        ("CS06", {"result_code": 0, "running_version": "00020000"}),
        ("CS06", {"result_code": 0, "firmware_version": "00020000"}),
        ("CS06", {"result_code": 0, "running_version": "00020000", "firmware_version": VERSION}),
        ("8F66", {"message_code": "00CA", "running_version": "00020000"}),
    ],
)
def test_an_activation_of_another_version_leaves_it_open(
    code: str, fields: dict[str, Any], named: str | None
) -> None:
    """It proves nothing about this request, also where it names it (I15)."""
    word = hub(code, service_request_id=named, **fields)
    assert register(word).open_request(DEVICE, 500) == FIRST


def test_after_a_failed_activation_the_old_version_runs() -> None:
    """Which ends the request all the same."""
    word = hub("CS06", result_code=3, running_version="00020000", firmware_version=VERSION)
    assert register(word).open_request(DEVICE, 500) is None


def test_a_recovery_opens_it_again() -> None:
    """Until then it was ended: the register answers for a moment."""
    heard = register(csp("N61", 200), csp("N60", 300))
    assert heard.open_request(DEVICE, 250) is None
    assert heard.open_request(DEVICE, 300) == FIRST


def test_a_reset_frees_the_device_for_good() -> None:
    """Whatever is reported afterwards."""
    fields = {"service_request_id": FIRST.lower(), "occurred_at": 200}
    reset = word_of(Source.SSMI, fields)
    assert reset is not None
    assert register(reset, csp("N60", 300)).open_request(DEVICE, 400) is None


def test_words_about_another_request_do_not_end_this_one() -> None:
    """A Reset or a CSP's failure ends what it names."""
    other_reset = Word(200, True, AGAIN, only_named=True, for_good=True)
    assert register(other_reset, csp("N61", 200, AGAIN)).open_request(DEVICE, 300) == FIRST


def test_a_hub_word_that_names_a_known_request_is_about_that_one() -> None:
    """With two requests open the named one ends."""
    heard = register(hub("8F89", service_request_id=AGAIN, result_code=1))
    heard.take_on(DEVICE, AGAIN, VERSION, 150)
    assert heard.open_request(DEVICE, 300) == FIRST


def test_earlier_words_are_not_about_a_later_request() -> None:
    """The first request's failure does not end the second."""
    heard = register(csp("N61", 200), hub("8F89"))
    heard.take_on(DEVICE, AGAIN, VERSION, 300)
    assert heard.open_request(DEVICE, 300) == AGAIN


def test_a_malformed_request_id_is_refused() -> None:
    """The caller decides what to do with malformed records."""
    with pytest.raises(InvalidIdentifier):
        word_of(Source.SSMI, {"service_request_id": "INC42", "occurred_at": 200})


words = st.builds(
    Word,
    at_ms=st.integers(90, 300),
    ended=st.booleans(),
    request_id=st.sampled_from([None, FIRST, AGAIN]),
    only_named=st.booleans(),
    for_good=st.booleans(),
)


@given(st.lists(words, max_size=6), st.randoms(), st.integers(90, 310))
def test_the_order_of_hearing_does_not_matter(heard: list[Word], rng: Any, at_ms: int) -> None:
    """Nor whether the words come before the acceptance."""
    straight = register(*heard)
    shuffled = heard[:]
    rng.shuffle(shuffled)
    late = Register()
    for word in shuffled:
        late.hear(DEVICE, word)
    late.take_on(DEVICE, FIRST, VERSION, 100)
    assert late.open_request(DEVICE, at_ms) == straight.open_request(DEVICE, at_ms)
