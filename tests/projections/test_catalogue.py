"""Every known code, written down a second time; and what a catalogue file may not be."""

from __future__ import annotations

from pathlib import Path

import pytest

from projections.catalogue import (
    LONGEST_CODE,
    BadCatalogue,
    Catalogue,
    Key,
    UnknownCode,
    differences,
    load_catalogue,
)
from projections.lifecycle import LIFECYCLE, STATUS_BY_LABEL
from schemas.topics import Source

CATALOGUE = load_catalogue()

KNOWN = """
DSP | I0 I99 | Accepted by DSP
DSP | E1 E2 E3 E4 E5 E11 E12 E13 E17 | Rejected by DSP
DSP | E19 E20 E21 E65 E100 | Rejected by DSP
DSP | E110101 E110455 E120201 E77 | Rejected by DSP
DSP | NOTCOMMISSIONEDDEVICEIDLIST | Rejected by DSP
DSP | INVALIDDEVICEIDLIST | Rejected by DSP
CSP | APPROVED | Approved for Distribution
CSP | NOT-ACCEPTED N18 N19 N21 N22 N23 | Not Accepted by CSP
CSP | CH-TRANSFER-OK N60 | Successful CH Transfer
CSP | CH-TRANSFER-FAILED N61 | Failed CH Transfer
COMMS_HUB | 8F8A 8F8A//0128 8F8A/0 8F8A/0/0128 | Successful HAN Transfer
COMMS_HUB | 8F72 8F72//00CE 8F72//00CF | Successful HAN Transfer
COMMS_HUB | 8F89 8F89/1 8F89/2 8F89/3 | Not Delivered at HAN
COMMS_HUB | 8F89//0128 8F89/1/0128 | Not Delivered at HAN
COMMS_HUB | 8F89/2/0128 8F89/3/0128 8F1C | Not Delivered at HAN
COMMS_HUB | CS06/1 CS06/2 CS06/3 | Activation Failed
COMMS_HUB | CS06/1/0012 CS06/2/0012 CS06/3/0012 | Activation Failed
COMMS_HUB | 8F67//00CA 8F67/1/00CA 8F67/2/00CA | Activation Failed
COMMS_HUB | 8F67/3/00CA 8F8B/1 8F8B/1/012B | Activation Failed
COMMS_HUB | CS06/0 CS06/0/0012 | Firmware Activated
COMMS_HUB | 8F66//00CA 8F66/0/00CA | Firmware Activated
COMMS_HUB | 8F8B/0 8F8B/0/012B | Firmware Activated
COMMS_HUB | ECS52 GCS38 CS08 | Firmware Activated
COMMS_HUB | CS06 CS06//0012 | -
SSMI | RESET | Reset by DCC
"""
"""From the codes of the domain and design §5: source, code/result/message, status."""

UNKNOWN = """
DSP | I1 N18 APPROVED 8F8A | unknown
CSP | N17 N20 N24 N49 N50 N51 N52 N62 AD1 E5 | unknown
COMMS_HUB | 8F8A/1 8F8A/2 8F8A//00CA 8F89/0 8F89/4 8F72/0 8F1C/1 8F1C//00CE | unknown
COMMS_HUB | 8F66 8F66/0 8F67 8F67/1 8F66/1/00CA 8F67/0/00CA 8F66//0128 8F67/4/00CA | unknown
COMMS_HUB | 8F8B 8F8B/2 CS06/4 CS06/0/00CA 8F1B 8F43 81AD N60 ECS52/0 GCS38//0012 | unknown
SSMI | ACCEPTED | unknown
"""
"""What is not about a delivery, contradicts itself, or comes from the wrong source."""

Code = tuple[Source, str, int | None, str | None]


def codes(text: str) -> list[tuple[Code, str]]:
    """((source, code, result, message), status) of each code in a table above."""
    found = []
    for line in text.strip().splitlines():
        source, spelled, label = line.split(" | ")
        for word in spelled.split():
            code, result, message = [*word.split("/"), "", ""][:3]
            number = int(result) if result else None
            found.append(((Source[source], code, number, message or None), label))
    return found


def ids(value: object) -> str | None:
    """The name of a case."""
    return "-".join(str(part) for part in value) if isinstance(value, tuple) else None


@pytest.mark.parametrize(("code", "label"), codes(KNOWN), ids=ids)
def test_a_known_code_has_the_status_of_the_domain(code: Code, label: str) -> None:
    """By its source, result and message."""
    meaning = CATALOGUE.meaning(*code)
    assert meaning.status == (0 if label == "-" else STATUS_BY_LABEL[label])
    assert meaning.text
    assert meaning.next_step


@pytest.mark.parametrize("code", [code for code, _ in codes(UNKNOWN)], ids=ids)
def test_a_code_that_is_not_about_a_delivery_is_unknown(code: Code) -> None:
    """It is never guessed at; its record goes to the dead letters."""
    with pytest.raises(UnknownCode, match=r"is not in catalogue 2026-11-2"):
        CATALOGUE.meaning(*code)


def test_every_meaning_of_the_catalogue_is_written_down_here() -> None:
    """No row was added without its line above."""
    written = {code for code, _ in codes(KNOWN)}
    for key in CATALOGUE.meanings:
        if key.prefix:
            assert any(c[0] is key.source and c[1].startswith(key.code) for c in written)
        else:
            assert (key.source, key.code, key.result, key.message) in written


def test_the_longest_prefix_counts() -> None:
    """E1101nn is told from E1104nn, and both from any other E-code."""
    texts = [
        CATALOGUE.meaning(Source.DSP, c, None, None).text for c in ("E110101", "E110401", "E9")
    ]
    assert "11.1" in texts[0]
    assert "11.4" in texts[1]
    assert len(set(texts)) == 3


def test_a_prefix_covers_no_result_no_message_and_nothing_endless() -> None:
    """Rows keep the code, so a code has a length."""
    longest = "E" * LONGEST_CODE
    assert CATALOGUE.meaning(Source.DSP, longest, None, None)
    for code in ((longest + "E", None, None), ("E77", 1, None), ("E77", None, "00CA")):
        with pytest.raises(UnknownCode) as refused:
            CATALOGUE.meaning(Source.DSP, *code)
        assert len(str(refused.value)) < 150


def test_every_status_of_a_source_can_be_reported() -> None:
    """No status of the lifecycle is out of reach."""
    reached = {meaning.status for meaning in CATALOGUE.meanings.values()}
    assert {int(row.status) for row in LIFECYCLE} <= reached


ROW = """
[[code]]
source = "DSP"
code = "I7"
status = "Accepted by DSP"
text = "Taken on"
next_step = "None."
sources = ["X"]
confidence = 0.5
"""
HEAD = 'version = "test"\n[sources]\nX = "somewhere"\n'


def catalogue(tmp_path: Path, text: str) -> Catalogue:
    """A catalogue made of a text."""
    file = tmp_path / "catalogue.toml"
    file.write_text(text, encoding="utf-8")
    return load_catalogue(file)


BAD = {
    "no TOML": (HEAD + ROW + "]", "Cannot use the code catalogue .*catalogue.toml: "),
    "no version": (HEAD.split("\n", 1)[1] + ROW, "missing required field `version`"),
    "an empty version": (HEAD.replace("test", "") + ROW, "length >= 1"),
    "an unknown field": (HEAD + ROW + "colour = 1\n", "unknown field `colour`"),
    "no text": (HEAD + ROW.replace("Taken on", ""), "length >= 1"),
    "no next step": (HEAD + ROW.replace('next_step = "None."\n', ""), "field `next_step`"),
    "too sure": (HEAD + ROW.replace("0.5", "1.5"), "<= 1.0"),
    "another source": (HEAD + ROW.replace('"DSP"', '"DNO"'), "source 'DNO' is none of DSP, CSP"),
    "an unknown status": (HEAD + ROW.replace("Accepted by DSP", "Lost"), "'Lost', which does not"),
    "a status of another source": (
        HEAD + ROW.replace("Accepted by DSP", "Failed CH Transfer"),
        r"DSP may not set 'Failed CH Transfer' \(I7\)",
    ),
    "neither code nor prefix": (HEAD + ROW.replace('code = "I7"\n', ""), "either a code or a pre"),
    "code and prefix": (HEAD + ROW + 'prefix = "I"\n', "either a code or a prefix"),
    "a blank code": (HEAD + ROW.replace("I7", "  "), "either a code or a prefix"),
    "a source it does not list": (HEAD + ROW.replace('["X"]', '["Y"]'), r"cites 'Y': add it to"),
    "no source": (HEAD + ROW.replace('["X"]', "[]"), "length >= 1"),
    "a result in words": (HEAD + ROW + 'results = ["some"]\n', "Invalid enum value 'some'"),
    "a code twice": (HEAD + ROW + ROW.replace("I7", "i7 "), r"gives DSP I7 2 times: keep one row"),
}


@pytest.mark.parametrize("text", BAD, ids=str)
def test_a_file_with_a_fault_is_refused_with_what_to_mend(text: str, tmp_path: Path) -> None:
    """Nothing of it counts."""
    with pytest.raises(BadCatalogue, match=BAD[text][1]):
        catalogue(tmp_path, BAD[text][0])


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """By its name."""
    with pytest.raises(BadCatalogue, match=r"missing\.toml"):
        load_catalogue(tmp_path / "missing.toml")


def test_codes_are_compared_trimmed_and_in_upper_case(tmp_path: Path) -> None:
    """As the sources' own codes are."""
    found = catalogue(tmp_path, HEAD + ROW.replace("I7", " i7 "))
    assert found.meaning(Source.DSP, "I7", None, None).text == "Taken on"


def test_two_catalogues_are_compared_code_by_code(tmp_path: Path) -> None:
    """What is new, gone or otherwise; prefixes too."""
    more = ROW.replace('code = "I7"', 'prefix = "I8"')
    before = catalogue(tmp_path, HEAD + ROW + ROW.replace("I7", "I6"))
    after = catalogue(
        tmp_path, HEAD.replace("test", "next") + ROW.replace("Taken on", "Taken") + more
    )
    found = differences(before, after)
    assert [(d.key, d.before is None, d.after is None) for d in found] == [
        (Key(Source.DSP, "I6"), False, True),
        (Key(Source.DSP, "I7"), False, False),
        (Key(Source.DSP, "I8", prefix=True), True, False),
    ]


def test_a_changed_catalogue_needs_a_new_version(tmp_path: Path) -> None:
    """Rows know which catalogue read them by its version."""
    before = catalogue(tmp_path, HEAD + ROW)
    after = catalogue(tmp_path, HEAD + ROW.replace("Taken on", "Taken"))
    with pytest.raises(BadCatalogue, match=r"version 'test' and read I7 differently"):
        differences(before, after)
    assert differences(before, before) == []


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (Key(Source.DSP, "E5"), "E5"),
        (Key(Source.DSP, "E1101", prefix=True), "E1101…"),
        (Key(Source.COMMS_HUB, "8F89", 1, "0128"), "8F89/1 (0128)"),
    ],
)
def test_a_code_is_shown_as_people_write_it(key: Key, text: str) -> None:
    """With result, message, or what a prefix leaves open."""
    assert str(key) == text
