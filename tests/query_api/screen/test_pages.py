"""The pages: what they say, in which order, and that they say what JSON and CSV say."""

from __future__ import annotations

import csv
import io
import re
from html import unescape
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projections.lifecycle import LIFECYCLE
from projections.state import Report
from projections.views import MARKS as ALL_MARKS
from query_api.screen.pages import assets, statuses
from query_api.screen.pages.presenters import MARKS
from query_api.screen.pages.vendor import without_branding
from schemas.topics import Source
from tests.query_api.world import (
    ALPHA,
    T0,
    World,
    accepted,
    approved,
    delivered,
    device_id,
    rejected,
    report,
    request_id,
    reset,
)

R1 = request_id(1)
R2 = request_id(2)
D1 = device_id(1)
MINUTE = 60_000


@pytest.fixture
def world() -> World:
    """Five devices of one request, in different states."""
    made = World()
    made.put(
        {
            device_id(1): [accepted(R1), approved(R1, at=T0 + MINUTE, offset=1)],
            device_id(2): [rejected(R1)],
            device_id(3): [accepted(R1), delivered(at=T0 + MINUTE, offset=1)],
            device_id(4): [
                accepted(R1),
                report(Source.COMMS_HUB, "CS06", result=0, request=R1, at=T0 + MINUTE, offset=1),
            ],
            device_id(5): [accepted(R1), reset(R1, at=T0 + MINUTE, offset=1, detail="why (INC1)")],
        }
    )
    return made


def text_of(html: str) -> str:
    """What is read of a page."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", html)))


def test_the_search_keeps_what_was_typed_and_says_how_to_mend_it(world: World) -> None:
    """Error summary, linked to the field; `Error:` in the title; the value still there."""
    browser = world.supplier_browser()
    for fields, field, words in (
        ({"by": "", "value": "abc"}, "by", "Choose Service Request ID or Device ID"),
        ({"by": "device", "value": " "}, "value", "Enter a Device ID"),
        ({"by": "device", "value": "00-DB"}, "value", "eight pairs of hexadecimal digits"),
        ({"by": "device", "value": R1}, "value", "This is a Service Request ID: choose"),
        ({"by": "request", "value": D1}, "value", "This is a Device ID: choose Device ID above"),
        ({"by": "request", "value": f"{R1}, {R2}"}, "value", "not a list"),
        ({"by": "device", "value": "00-DB*"}, "value", "Wildcards are not supported"),
        ({"by": "device", "value": '"><script>x</script>'}, "value", "Not a valid Device ID"),
    ):
        answer = browser.post("/search", fields)
        assert answer.status_code == 400
        assert "<title>Error: " in answer.text
        assert f'href="#{field}"' in answer.text
        assert words in text_of(answer.text), (fields, text_of(answer.text))
        assert "<script>x" not in answer.text
        if fields["value"].strip():
            assert f'value="{fields["value"]}"' in unescape(answer.text)


@pytest.mark.parametrize(
    ("by", "value"),
    [
        ("device", D1),
        ("device", f"  {D1.lower()} "),
        ("device", D1.replace("-", "")),
        ("device", D1.replace("-", "\u2011")),
        ("device", D1.replace("-", " - ")),
        ("request", R1.lower()),
        ("request", R1.replace(":1", ":0001")),
        ("request", R1.replace(":", " : ")),
    ],
)
def test_the_search_forgives_what_can_only_mean_one_thing(
    world: World, by: str, value: str
) -> None:
    """Case, spaces, zeros, dashes; and the address it leads to does not tell what it is about."""
    browser = world.supplier_browser()
    answer = browser.post("/search", {"by": by, "value": value})
    assert answer.status_code == 303
    assert answer.headers["location"] == (
        browser.device(D1) if by == "device" else browser.request(R1)
    )
    assert "00-DB" not in answer.headers["location"].upper()
    assert browser.get(answer.headers["location"]).status_code == 200


def test_nothing_held_is_another_answer_than_not_an_identifier(world: World) -> None:
    """With the pointer to the Service Audit Trail, and without the ID."""
    answer = world.supplier_browser().get(world.supplier_browser().device(device_id(77)))
    assert answer.status_code == 404
    assert "Nothing is held for you under this ID" in answer.text
    assert "Service Audit Trail" in answer.text
    assert device_id(77) not in answer.text


def test_a_request_is_counts_then_rows_in_order(world: World) -> None:
    """The chart is also text; each number leads to what it counts."""
    browser = world.supplier_browser()
    html = browser.get(browser.request(R1)).text
    text = text_of(html)
    assert "2 In Progress 40%" in text
    assert "2 Failed 40%" in text
    assert "1 Complete 20%" in text
    assert re.findall(r"00-DB-12-34-56-00-00-0\d", html) == [device_id(n) for n in range(1, 6)]
    failed = text_of(browser.get(f"{browser.request(R1)}?completion=Failed&status=").text)
    assert "2 devices Failed, of 5" in failed
    assert device_id(1) not in failed
    none = browser.get(f"{browser.request(R1)}?status=Failed+CH+Transfer").text
    assert "No device of this request is Failed CH Transfer at the moment" in text_of(none)
    assert browser.get(f"{browser.request(R1)}?status=Nonsense").status_code == 422


def test_pages_of_a_long_request_follow_each_other(world: World) -> None:
    """Cursor paging by sealed places; the CSV holds what the filter holds."""
    world.put({device_id(n): [accepted(R1)] for n in range(10, 130)})
    browser = world.supplier_browser()
    address, seen = browser.request(R1), []
    while address:
        html = browser.get(address).text
        seen += re.findall(r'fdt-id" href="[^"]*">([^<]*)</a>', html)
        found = re.search(r'href="([^"]*)" rel="next"', html)
        address = unescape(found[1]) if found else ""
    assert seen == [device_id(n) for n in [*range(1, 6), *range(10, 130)]]
    rows = browser.get(f"{browser.request(R1)}/download?completion=In+Progress").text
    assert rows.count("\r\n") == 1 + 2 + 120


def test_an_item_is_read_stage_by_stage(world: World) -> None:
    """What it is, why, since when, what to do; late reports marked; where each comes from."""
    late = rejected(R1, at=T0 + 2 * MINUTE, offset=2)
    world.put({D1: [accepted(R1), approved(R1, at=T0 + MINUTE, offset=1), late]})
    browser = world.supplier_browser()
    html = browser.get(browser.item(D1, R1)).text
    text = text_of(html)
    assert "Approved for Distribution In Progress" in text
    assert "Since 23 November 2026, 06:01:00 UTC" in text
    assert text.index("1. Accepted by the DSP") < text.index("Rejected by DSP late")
    assert "3. Sent to the Communications Hub In progress" in text
    assert "4. Delivered to the device Not reached" in text
    assert "firmware.csp.v1 , partition 0, offset 1" in text
    assert "It came after a report of a later stage" in text
    assert "Shown here until 23 December 2026, 06:01:01 UTC" in text


def test_a_reset_item_shows_how_far_it_had_come(world: World) -> None:
    """The old attempt stays readable."""
    browser = world.supplier_browser()
    text = text_of(browser.get(browser.item(device_id(5), R1)).text)
    assert "Reset by DCC Failed" in text
    assert "why (INC1)" in text
    assert "1. Accepted by the DSP" in text


def test_only_what_moves_refreshes_itself(world: World) -> None:
    """In Progress: script and attributes; ended, or stopped by the user: neither."""
    browser = world.supplier_browser()
    moving, ended = browser.item(D1, R1), browser.item(device_id(4), R1)
    assert "data-hx-get" in browser.get(moving).text
    assert "htmx.min" in browser.get(moving).text
    for address in (ended, f"{moving}?refresh=off"):
        assert "data-hx-get" not in browser.get(address).text
        assert ">Refresh</a>" in browser.get(address).text


def test_a_silent_source_is_said_at_the_top(world: World) -> None:
    """Which one, and for how long; not the Service Centre, whose resets are rare."""
    at = {"dsp": T0, "csp/North": T0, "ssmi": T0}
    world.put({device_id(9): [accepted(R1)]}, last_received=at)
    browser = world.supplier_browser()
    for address in ("/search", browser.request(R1), browser.device(D1), browser.item(D1, R1)):
        text = text_of(browser.get(address).text)
        assert "Nothing has been received from CSP, region North for" in text
        assert "Nothing has been received from DCC Service Centre" not in text


def test_unmatched_reports_are_for_the_service_centre(world: World) -> None:
    """They belong to nobody yet."""
    from query_api.identity.access import Role

    world.put({device_id(8): [delivered(version="0A0B0C0D")]})
    address = world.supplier_browser().device(device_id(8))
    assert world.supplier_browser().get(address).status_code == 404
    text = text_of(world.browser(Role.SERVICE_CENTRE).get(address).text)
    assert "Reports that wait for their request" in text
    assert "8F8A/0" in text


CODES: Final[dict[Source, list[tuple[str, int | None]]]] = {
    Source.DSP: [("I99", None), ("E5", None), ("E19", None)],
    Source.CSP: [("APPROVED", None), ("N18", None), ("N60", None), ("N61", None)],
    Source.COMMS_HUB: [("8F8A", 0), ("8F89", 2), ("CS06", 0), ("CS06", 3)],
    Source.SSMI: [("RESET", None)],
}
DETAILS = st.none() | st.text(
    alphabet=st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=30
)


@st.composite
def histories(draw: st.DrawFn) -> list[Report]:
    """The reports of one item, in any order of times, with any detail."""
    found = [accepted(R1, detail=draw(DETAILS))]
    for offset in range(1, draw(st.integers(1, 6))):
        source = draw(st.sampled_from(list(CODES)))
        code, result = draw(st.sampled_from(CODES[source]))
        at = T0 + draw(st.integers(0, 600)) * 1000
        found.append(
            report(source, code, request=R1, result=result, at=at, offset=offset, event=offset,
                   detail=draw(DETAILS))
        )  # fmt: skip
    return found


@settings(max_examples=60, deadline=None)
@given(histories())
def test_json_csv_and_page_of_an_item_hold_the_same_values(reports: list[Report]) -> None:
    """One function, three forms."""
    made = World()
    made.put({D1: reports})
    item = made.supplier().get(f"/v1/devices/{D1}/service-requests/{R1}").json()
    (row,) = list(
        csv.DictReader(
            io.StringIO(made.supplier().get(f"/v1/service-requests/{R1}.csv").text, newline="")
        )
    )
    browser = made.supplier_browser()
    html = browser.get(browser.item(D1, R1)).text
    text = text_of(html)
    reason = f"{item['reason']['code']} {item['reason']['text']}"
    assert row["Current Status"] == item["status"]
    assert row["Current Status Reason"] == reason
    assert row["Current Status Update Time and Date"] == item["updated_at"]
    assert row["Device ID"] == item["device_id"]
    assert f"{item['status']} {item['completion']}" in text
    assert squeezed(reason) in squeezed(text)
    for time in (item["updated_at"], item["available_until"]):
        assert f'datetime="{time}"' in html
    for entry in item["timeline"]:
        assert entry["evidence"]["event_id"] in text
        assert f'datetime="{entry["occurred_at"]}"' in html
        assert squeezed(f"{entry['code']} {entry['reason']['text']}") in squeezed(text)
        for mark in entry["marks"]:
            assert MARKS[mark].explained in text


def squeezed(text: str) -> str:
    """Without the spaces, in which HTML is free."""
    return re.sub(r"[\s\x00-\x1f]+", "", text)


def test_every_status_and_mark_has_its_look_and_its_words() -> None:
    """One that were added to the lifecycle without them would have no colour."""
    css = assets.assets()[assets.address("screen.css").removeprefix("/assets/")].content.decode()
    for colour in {row.colour for row in LIFECYCLE}:
        assert f".fdt-bar--{colour} " in css
        assert f".fdt-now--{colour} " in css
    assert set(MARKS) == set(ALL_MARKS)
    assert [stage for stage, _, _ in statuses.STAGES] == sorted(
        {row.stage for row in LIFECYCLE if row.stage}
    )


def test_assets_are_ours_hashed_kept_and_unbranded(world: World) -> None:
    """Nothing is loaded from elsewhere, nothing is GOV.UK's own, nothing is inline."""
    browser = world.supplier_browser()
    html = browser.get(browser.item(D1, R1)).text
    for address in re.findall(r'(?:src|href)="(/assets/[^"]*)"', html):
        answer = browser.get(address)
        assert answer.headers["cache-control"] == assets.KEPT
        assert answer.status_code == 200
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", html)
    assert not re.search(r"<style|style=|<script>|\son\w+=", html)
    css = browser.get(assets.address("govuk-frontend.min.css")).text
    assert not re.search(r"GDS Transport|govuk-crest|url\(|@import", css)
    assert browser.get("/assets/../query_api/app.py").status_code == 404


def test_the_stylesheet_is_vendored_without_branding() -> None:
    """What only GOV.UK may use is taken out."""
    css = (
        '@charset "UTF-8";@font-face{font-family:GDS Transport;src:url(/a.woff2)}.a{font-family:'
        "GDS Transport,arial,sans-serif}.b{background-image:url(/assets/images/govuk-crest.svg);"
        "color:red}/*# sourceMappingURL=x.map */"
    )
    assert without_branding(css) == ".a{font-family:arial,sans-serif}.b{color:red}"


def test_an_api_client_is_never_given_a_page(world: World) -> None:
    """Problems stay problem details for programs, and become pages in a browser."""
    for path in (f"/v1/devices/{device_id(77)}", "/nonsense"):
        program = world.supplier().get(path)
        assert program.headers["content-type"] == "application/problem+json"
    page = world.supplier_browser(ALPHA).get("/nonsense")
    assert page.headers["content-type"].startswith("text/html")
    assert page.status_code == 404
