"""Whole journeys in a real browser through the real stack: broker, processor, read side, screen."""

from __future__ import annotations

import csv
import re
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pytest
from confluent_kafka import Producer
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page, expect

from fdt.brokers.finding import Broker
from fdt.processes.children import free_port
from schemas.codec import Codec
from schemas.identifiers import DeviceId
from schemas.partitioning import PRODUCER_PARTITIONER
from schemas.topics import AUDIT, SOURCE_TOPICS, Source
from sources.judging.duplicate_judge import DuplicateJudge
from sources.planning.events import RECORDS, PlannedEvent
from sources.planning.plan import build_plan
from sources.program import Job
from sources.publisher import SourceError
from sources.schedule import Schedule
from tests.browser.chromium import page_of, search, sign_in
from tests.support.events import dsp_event
from tests.support.processes import running
from tests.support.topics import committed, create_anew

SUPPLIER: Final = "90-B3-D5-1F-30-01-00-00"
VERSION: Final = "0002012F"
DEVICES: Final = 60
RESET: Final = 200
READY_S: Final = 60.0


def request(counter: int) -> str:
    """A request of the first supplier."""
    return f"{SUPPLIER}:90-B3-D5-1F-30-00-00-02:{counter}"


def device(number: int) -> DeviceId:
    """A Device ID of the test range."""
    return DeviceId(f"00-DB-12-34-56-78-{number // 256:02X}-{number % 256:02X}")


@dataclass
class Stack:
    """What runs."""

    url: str
    bootstrap: str
    producer: Producer

    def publish(self, source: Source, **fields: Any) -> None:
        """One event, now; acknowledged before this returns."""
        value = {
            **_BLANK[source],
            "event_id": str(uuid.uuid4()),
            "occurred_at": wall_ms(),
            **fields,
        }
        self.producer.produce(
            SOURCE_TOPICS[source],
            Codec().encode(RECORDS[source], value),
            value["device_id"].encode(),
        )
        assert self.producer.flush(10) == 0

    def accept(self, number: int, counter: int) -> None:
        """The DSP accepts a device."""
        self.publish(Source.DSP, device_id=device(number), service_request_id=request(counter))


_BLANK: Final[dict[Source, dict[str, Any]]] = {
    Source.DSP: dsp_event(),
    Source.CSP: {
        "device_type": None,
        "firmware_version": VERSION,
        "csp_region": "North",
        "comms_hub_id": None,
        "detail": None,
    },
    Source.COMMS_HUB: {
        "firmware_version": VERSION,
        "running_version": None,
        "image_hash": None,
        "comms_hub_id": None,
        "result_code": None,
        "message_code": None,
        "detail": None,
    },
}


def wall_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


@pytest.fixture(scope="module")
def stack(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Everything of ``fdt up`` but the simulated sources, on topics of its own."""
    bootstrap, folder = broker.bootstrap_servers, tmp_path_factory.mktemp("stack")
    create_anew(bootstrap)
    port, log = free_port(), folder / "up.log"
    environment = {"KAFKA_BOOTSTRAP_SERVERS": bootstrap, "FDT_DATA_DIR": str(folder / "data")}
    producer = Producer(
        {"bootstrap.servers": bootstrap, "partitioner": PRODUCER_PARTITIONER, "acks": "all"}
    )
    with running("up", "--no-simulate", f"--port={port}", log=log, **environment) as process:
        deadline = time.monotonic() + READY_S
        while "Ctrl-C ends everything" not in (said := log.read_text()):
            assert process.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.1)
        assert f"The screen: http://127.0.0.1:{port}" in said
        yield Stack(f"http://127.0.0.1:{port}", bootstrap, producer)


def wait_for(page: Page, stack: Stack, value: str, shows: str) -> None:
    """Search until the result shows a text."""
    deadline = time.monotonic() + READY_S
    search(page, "Service Request ID", value)
    while shows not in page.locator("main").inner_text():
        assert time.monotonic() < deadline, page.locator("main").inner_text()
        time.sleep(0.5)
        search(page, "Service Request ID", value)


def advance(stack: Stack, number: int, counter: int) -> None:
    """From accepted to activated, one report after the other."""
    ids = {"device_id": device(number), "service_request_id": request(counter)}
    for code in ("APPROVED", "CH-TRANSFER-OK"):
        stack.publish(Source.CSP, code=code, **ids)
    stack.publish(Source.COMMS_HUB, code="8F8A", result_code=0, **ids)
    stack.publish(Source.COMMS_HUB, code="CS06", result_code=0, running_version=VERSION, **ids)


@pytest.mark.parametrize(
    ("script", "counter"), [(True, 1), (False, 2)], ids=["with script", "script off"]
)
def test_a_supplier_finds_who_is_stuck(
    browser: Chromium, stack: Stack, script: bool, counter: int, tmp_path: Path
) -> None:
    """Sign in, search, filter, open an item, see it move to its end, download, sign out."""
    for number in range(DEVICES):
        stack.accept(number, counter)
    stack.publish(Source.CSP, code="N18", device_id=device(7), service_request_id=request(counter))
    with page_of(browser, stack.url, java_script_enabled=script) as page:
        sign_in(page, "Sam Supplier")
        wait_for(page, stack, f"  {request(counter).lower()} ", f"{DEVICES} devices in all")
        wait_for(page, stack, request(counter), "Not Accepted by CSP")
        page.get_by_label("Completion").select_option("Failed")
        page.get_by_role("button", name="Filter").click()
        assert re.findall(r"00-DB-[\w-]+", page.locator("tbody").inner_text()) == [device(7)]
        page.get_by_role("link", name="Show all").first.click()
        page.get_by_role("link", name=device(3)).click()
        now = page.get_by_role("region", name="Now")
        expect(now).to_contain_text("Accepted by DSP")
        marked = page.evaluate_handle("document.body") if script else None
        advance(stack, 3, counter)
        deadline = time.monotonic() + READY_S
        while "Firmware Activated" not in now.inner_text():
            assert time.monotonic() < deadline
            if script:
                time.sleep(0.2)
            else:
                page.get_by_role("link", name="Refresh").click()
        if marked is not None:
            assert page.evaluate("body => body === document.body", marked), "not loaded anew"
            assert page.locator("[data-hx-get]").count() == 0, "what has ended is left alone"
        page.get_by_role("link", name="All devices of this request").click()
        with page.expect_download() as downloading:
            page.get_by_role("link", name="Download CSV").click()
        path = tmp_path / "request.csv"
        downloading.value.save_as(path)
        rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
        assert [row["Device ID"] for row in rows] == [device(n) for n in range(DEVICES)]
        assert rows[3]["Current Status"] == "Firmware Activated"
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("status")).to_have_text("You have signed out.")
        page.goto("/search")
        assert "/sign-in" in page.url


def judge(stack: Stack, decision: PlannedEvent) -> DuplicateJudge:
    """The simulated DSP's duplicate check, reading the real topics."""
    plan = replace(build_plan(1, 1, 4), events=(decision,))
    schedule = Schedule.starting(wall_ms() - 60_000, 1.0, None)
    return DuplicateJudge.hire(Job(plan, Source.DSP, schedule, stack.bootstrap, Codec()))


def decided(number: int, counter: int) -> PlannedEvent:
    """The DSP decides on a device, and expects to accept it."""
    fields = dsp_event(device_id=device(number), service_request_id=request(counter))
    return PlannedEvent(
        Source.DSP, fields["event_id"], device(number), fields, 0, 0, resend="accepted", code="I99"
    )


def test_a_reset_lets_the_device_be_sent_again(browser: Chromium, stack: Stack) -> None:
    """The Service Centre resets what is stuck; the simulated DSP, which refused, then accepts."""
    first, second = decided(RESET, 11), decided(RESET, 12)
    judged = judge(stack, second)
    began = wall_ms()
    stack.publish(Source.DSP, **{**first.fields, "occurred_at": began})
    judged.after(first, began)
    judged._patience_seconds = 0.5
    with pytest.raises(SourceError, match="is still open"):
        judged.before(second, wall_ms())
    with page_of(browser, stack.url) as page:
        sign_in(page, "Chris Centre")
        wait_for(page, stack, request(11), "1 device in all")
        page.get_by_role("link", name=device(RESET)).click()
        page.get_by_role("button", name="Reset by DCC").click()
        page.get_by_label("Reason").fill("The hub was replaced")
        page.get_by_label("Incident reference").fill("INC000012345")
        page.get_by_role("button", name="Reset this device").dblclick()
        expect(page.get_by_role("region", name="Now")).to_contain_text("Reset by DCC")
        expect(page.get_by_role("region", name="Now")).to_contain_text(
            "The hub was replaced (incident INC000012345, by Chris Centre)"
        )
        judged._patience_seconds = 20
        judged.before(second, wall_ms())
        stack.publish(Source.DSP, **{**second.fields, "occurred_at": wall_ms()})
        wait_for(page, stack, request(12), "1 device in all")
        search(page, "Device ID", device(RESET))
        rows = page.locator("tbody tr")
        expect(rows).to_have_count(2)
        expect(rows.nth(0)).to_contain_text("Accepted by DSP")
        expect(rows.nth(1)).to_contain_text("Reset by DCC")
        rows.nth(1).get_by_role("link").click()
        expect(page.get_by_role("listitem").filter(has_text="I99").first).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        sign_in(page, "Ada Auditor")
        deadline = time.monotonic() + 60
        page.goto("/access-log")
        while "INC000012345" not in page.locator("main").inner_text():
            assert time.monotonic() < deadline
            time.sleep(0.5)
            page.reload()
    assert len(list(committed(stack.bootstrap, "firmware.ssmi.v1"))) == 1, "two clicks, one event"
    assert any(True for _ in committed(stack.bootstrap, AUDIT))
