"""A dead letter fits its topic, however large its record is; one that is cut is not sent again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fdt.errors import UserError
from fdt.kafka.dead_letters import Letter, resend
from processor.partition.dead_letters import ORIGINAL_KEPT, dead_letter
from schemas.codec import BadRecord
from schemas.topics import DSP_EVENTS, LARGEST_DEAD_LETTER
from tests.simulation.broker import Record


@pytest.mark.parametrize("part", ["value", "key", "headers"])
def test_a_dead_letter_fits_its_topic_however_large_its_record_is(part: str) -> None:
    """A compressed one passes a source's limit; its beginning is kept, and how large it was."""
    bad = BadRecord("undecodable", "it is noise")
    for size, cut in ((ORIGINAL_KEPT - 100, False), (ORIGINAL_KEPT + 1, True), (10**7, True)):
        data = bytes(size)
        record = Record(
            data if part == "key" else b"k",
            data if part == "value" else b"v",
            3,
            headers=[("h", data)] if part == "headers" else [],
        )
        letter = dead_letter(DSP_EVENTS, 0, record, bad)
        told = dict(letter.headers or [])
        assert ("dl_cut" in told) == cut
        parts = [letter.key, letter.value, *told.values()]
        assert sum(len(each or b"") for each in parts) < LARGEST_DEAD_LETTER - 32 * 1024
        if cut:
            assert int(told["dl_cut"] or 0) >= size


def test_a_cut_letter_is_not_sent_again() -> None:
    """Only a part of its record is there: nothing is sent, and the command says what to do."""
    whole = Letter(0, 4, 1, b"k", b"v", (), DSP_EVENTS, 0, 9, 1, "undecodable", "it is noise")
    with pytest.raises(UserError, match="0:4: the record was too large for a dead letter"):
        resend("127.0.0.1:1", [replace(whole, cut=10**7)], lambda done: None)
