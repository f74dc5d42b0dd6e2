"""What operators ask: alive, ready, metrics, the published document and the log."""

from __future__ import annotations

import logging
import math
import time
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from structlog.contextvars import get_contextvars

from projections.lifecycle import LIFECYCLE, Completion
from query_api.api.metrics import SOURCES_SHOWN, Metrics, SpoolCollector, shown
from query_api.api.middleware import ASKED_BY_MACHINES
from query_api.audit.entry import Action, Outcome, entry_of
from query_api.audit.spool import Spool
from query_api.identity.access import Caller
from query_api.queries.reads import PROCESSOR_SILENT_AFTER_MS
from tests.query_api.world import (
    T0,
    World,
    accepted,
    approved,
    device_id,
    rejected,
    request_id,
    still,
)

R1 = request_id(1)


def metrics(world: World) -> dict[tuple[str, str], float]:
    """(name, only label or nothing) -> value."""
    answer = world.stranger().get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_alive_is_not_ready() -> None:
    """``/healthz`` says that the process answers, ``/readyz`` that answers may be given."""
    world = World(ready=False)
    client = world.stranger()
    assert client.get("/healthz").json() == {"status": "ok"}
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "5"
    assert "the broker has not been reached yet" in answer.json()["detail"]


def test_ready_says_how_fresh_the_view_is() -> None:
    """And stays ready, with the lag unknown, while the broker is away."""
    world = World()
    world.put({device_id(1): [accepted(R1)]})
    client = world.stranger()
    answer = client.get("/readyz").json()
    assert (answer["status"], answer["broker"]) == ("ready", "answering")
    assert answer["freshness"]["as_of"] == "2026-11-23T06:01:00.000Z"
    world.progress._ends_seen_at = -1e9
    answer = client.get("/readyz").json()
    assert (answer["broker"], answer["freshness"]["lag_events"]) == ("away", None)


def test_metrics_count_items_by_every_status() -> None:
    """All eleven labels, whether or not there is an item; freshness beside them."""
    world = World()
    world.put(
        {
            device_id(1): [accepted(R1)],
            device_id(2): [accepted(R1), approved(R1, offset=1, at=T0 + 1)],
        },
        last_received={"dsp": T0, "csp/North": T0 + 500},
    )
    found = metrics(world)
    items = {label: value for (name, label), value in found.items() if name == "fdt_items"}
    expected = dict.fromkeys((row.label for row in LIFECYCLE), 0.0)
    expected |= {"Accepted by DSP": 1.0, "Approved for Distribution": 1.0}
    assert items == expected
    assert len(items) == 11
    assert found["fdt_ready", ""] == 1
    assert found["fdt_lag_events", ""] == 0
    assert found["fdt_as_of_timestamp_seconds", ""] == (T0 + 60_000) / 1000
    assert found["fdt_source_received_timestamp_seconds", "csp/North"] == (T0 + 500) / 1000


def test_what_is_not_known_is_no_number() -> None:
    """Before the view is there, zero items would be a lie."""
    found = metrics(World(ready=False))
    assert found["fdt_ready", ""] == 0
    assert math.isnan(found["fdt_lag_events", ""])
    assert math.isnan(found["fdt_items", "Accepted by DSP"])


def test_answers_are_counted_by_route_and_never_by_path() -> None:
    """Labels are templates: an identifier in a metric would be personal data, and a series each."""
    world = World()
    world.put({device_id(1): [accepted(R1)]})
    app = world.app()
    from starlette.testclient import TestClient

    client = TestClient(app, headers={"Authorization": f"Bearer {world.tokens.make()}"})
    client.get(f"/v1/devices/{device_id(1)}")
    client.get(f"/v1/devices/{device_id(2)}")
    client.get("/nowhere")
    text = client.get("/metrics").text
    assert 'fdt_answers_total{route="/v1/devices/{device_id}",status="200"} 1.0' in text
    assert 'fdt_answers_total{route="/v1/devices/{device_id}",status="404"} 1.0' in text
    assert 'fdt_answers_total{route="none",status="404"} 1.0' in text
    assert 'fdt_request_seconds_count{route="/v1/devices/{device_id}"} 2.0' in text
    assert device_id(1) not in text


def test_the_log_has_a_line_an_answer_without_identifiers(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Method, route, status, time and size: enough for operators, nothing about devices."""
    world = World()
    world.put({device_id(1): [accepted(R1)]})
    with caplog.at_level(logging.INFO):
        path = f"/v1/devices/{device_id(1)}/service-requests/{R1}"
        answer = world.supplier().get(path, headers={"Accept-Encoding": "identity"})
        world.supplier().get(f"/v1/service-requests/{R1}.csv", params={"status": "x"})
    own = [record for record in caplog.records if record.name == "query_api.access"]
    told = {name: getattr(own[0], name) for name in ("method", "route", "status", "bytes")}
    assert told == {
        "method": "GET",
        "route": "/v1/devices/{device_id}/service-requests/{service_request_id}",
        "status": 200,
        "bytes": len(answer.content),
    }
    assert own[0].getMessage() == (
        f"answer: GET {told['route']} 200 in {vars(own[0])['ms']} ms, {told['bytes']} bytes"
    )
    assert vars(own[1])["status"] == 422
    said = "".join(str(vars(record)) for record in own)
    assert device_id(1) not in said
    assert R1 not in said


def test_what_machines_ask_every_few_seconds_is_for_debugging(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Health checks and scrapes would hide the lines of people's questions."""
    with caplog.at_level(logging.DEBUG):
        for path in ASKED_BY_MACHINES:
            World().supplier().get(path)
    own = [record for record in caplog.records if record.name == "query_api.access"]
    assert [(record.levelname, vars(record)["route"]) for record in own] == [
        ("DEBUG", path) for path in ASKED_BY_MACHINES
    ]


@pytest.mark.parametrize(("given", "kept"), [("gw-1.a_B", True), ("two words", False)])
def test_all_lines_of_a_request_have_its_id(
    given: str, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gateway's, if it is usable, else one of ours; from the threads that answer too."""
    seen: list[object] = []

    def noted(*_: object) -> bytes:
        seen.append(get_contextvars()["request_id"])
        return b""

    for name in ("exposition", "answered"):
        monkeypatch.setattr(Metrics, name, noted)
    World().supplier().get("/metrics", headers={"X-Request-Id": given})
    assert len(seen) == 2
    assert len(set(seen)) == 1
    assert (seen[0] == given) is kept


def test_the_published_document_is_complete() -> None:
    """Every address, with the shapes of its answers in the words of the contract."""
    document = World().stranger().get("/openapi.json").json()
    assert sorted(document["paths"]) == [
        "/healthz",
        "/metrics",
        "/readyz",
        "/v1/devices",
        "/v1/devices/{device_id}",
        "/v1/devices/{device_id}/service-requests/{service_request_id}",
        "/v1/devices/{device_id}/service-requests/{service_request_id}/reset",
        "/v1/service-requests",
        "/v1/service-requests/{service_request_id}",
        "/v1/service-requests/{service_request_id}.csv",
        "/v1/service-requests/{service_request_id}.xlsx",
    ]
    schemas = document["components"]["schemas"]
    item = schemas["Item"]["properties"]
    assert item["status"] == {"$ref": "#/components/schemas/ProcessingStatus"}
    assert schemas["ProcessingStatus"]["enum"] == [row.label for row in LIFECYCLE]
    assert item["completion"] == {"$ref": "#/components/schemas/CompletionStatus"}
    assert schemas["CompletionStatus"]["enum"] == [str(word) for word in Completion]
    counts = schemas["RequestAnswer"]["properties"]["counts"]["properties"]
    assert list(counts) == [str(word) for word in Completion]
    parameters = document["paths"]["/v1/service-requests/{service_request_id}"]["get"]["parameters"]
    assert [p["name"] for p in parameters] == [
        "service_request_id",
        "status",
        "completion",
        "reason",
        "limit",
        "cursor",
        "changed_since",
        "as_at",
    ]
    csv = document["paths"]["/v1/service-requests/{service_request_id}.csv"]["get"]["responses"]
    assert list(csv["200"]["content"]) == ["text/csv"]


def test_every_answer_keeps_its_headers() -> None:
    """No answer is cached, sniffed, or shared between users."""
    world = World()
    world.put({device_id(1): [accepted(R1)]})
    client = world.supplier()
    for path in (f"/v1/devices/{device_id(1)}", f"/v1/service-requests/{R1}.csv", "/readyz"):
        headers = client.get(path).headers
        assert headers["cache-control"] == "no-store"
        assert "Authorization" in headers["vary"]
        assert headers["x-content-type-options"] == "nosniff"


def test_a_part_that_does_not_work_is_named_and_takes_readiness_away() -> None:
    """Until it works again; metrics say the same."""
    world = World()
    world.put({device_id(1): [accepted(R1)]})
    world.health.trouble("audit", "the topic is missing: run fdt topics")
    client = world.stranger()
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["detail"] == "audit: the topic is missing: run fdt topics"
    assert metrics(world)["fdt_part_working", "audit"] == 0
    assert world.supplier().get(f"/v1/devices/{device_id(1)}").status_code == 200
    world.health.well("audit")
    assert client.get("/readyz").status_code == 200
    assert metrics(world)["fdt_part_working", "audit"] == 1


def test_a_processor_that_is_gone_is_told_with_what_waits_for_it() -> None:
    """Answers go on, and grow older; the sign of life is the control record's."""
    world = World()
    world.put({device_id(1): [accepted(R1)]}, folded={"firmware.dsp.v1": 7})
    world.progress.see_event_ends({("firmware.dsp.v1", 0): 10, ("firmware.csp.v1", 0): 2})
    world.progress.hear(T0 + 60_000)
    answer = world.stranger().get("/readyz").json()
    assert answer["processor"] == "reporting"
    assert answer["processor_seen"] == {"0": "2026-11-23T06:01:00.000Z"}
    assert answer["waiting_events"] == 5
    assert metrics(world)["fdt_waiting_events", ""] == 5
    world.progress.hear(T0 + 60_000 + PROCESSOR_SILENT_AFTER_MS + 1_000)
    answer = world.stranger().get("/readyz").json()
    assert (answer["status"], answer["processor"]) == ("ready", "silent")
    assert metrics(world)["fdt_processor_seen_timestamp_seconds", "0"] == (T0 + 60_000) / 1000


def test_nobody_knows_what_waits_while_the_broker_is_away() -> None:
    """Zero would be a lie."""
    world = World()
    world.put({device_id(1): [accepted(R1)]})
    assert world.stranger().get("/readyz").json()["waiting_events"] is None
    assert math.isnan(metrics(world)["fdt_waiting_events", ""])


def test_the_oldest_request_with_anything_in_progress() -> None:
    """Its earliest evidence, by the broker's clock; a request that has ended is none."""
    world = World()
    world.put(
        {
            device_id(1): [rejected(request_id(1), at=T0 - 9_000_000)],
            device_id(2): [accepted(request_id(2), at=T0 - 5_000_000)],
            device_id(3): [accepted(request_id(3), at=T0)],
        }
    )
    world.progress.hear(T0 + 60_000)
    assert metrics(world)["fdt_oldest_in_progress_age_seconds", ""] == pytest.approx(5_059, abs=5)


def test_nothing_in_progress_is_no_age() -> None:
    """Zero; and before the view is there nobody knows."""
    assert metrics(World())["fdt_oldest_in_progress_age_seconds", ""] == 0
    before = metrics(World(ready=False))
    assert math.isnan(before["fdt_oldest_in_progress_age_seconds", ""])
    assert math.isnan(before["fdt_freshness_seconds", ""])


def test_freshness_is_the_age_of_what_is_shown() -> None:
    """By the broker's clock, and by partition how far the view is behind."""
    world = World(clock=still)
    world.put({device_id(1): [accepted(R1)]})
    world.progress.hear(T0 + 90_000)
    world.progress.see_ends({0: world.next_offset + 7})
    found = metrics(world)
    assert found["fdt_freshness_seconds", ""] == 30
    assert found["fdt_view_lag_offsets", "0"] == 7
    assert found["fdt_lag_events", ""] == 7


def test_sources_are_a_bounded_number_of_names_and_none_is_an_identifier() -> None:
    """A CSP's region is what its publisher writes."""
    regions = {f"csp/Region {number}": T0 + number for number in range(100)}
    found = shown({"dsp": T0, f"csp/{device_id(1)}": T0 + 500, "csp/a\nb": T0 + 1, **regions})
    assert len(found) <= SOURCES_SHOWN + 2
    assert found["csp/other"] == T0 + 500
    assert found["csp/Region 99"] == T0 + 99
    assert found["dsp"] == T0
    assert not [name for name in found if device_id(1) in name or "\n" in name]


def test_problems_and_sign_ins_are_counted_by_their_kind() -> None:
    """Limits, rights and what is away show, though a page has no status of its own for each."""
    from starlette.testclient import TestClient

    client = TestClient(World().app(), raise_server_exceptions=False)
    client.get("/v1/devices/nothing")
    client.get("/sign-in/callback?state=of-nobody", headers={"Accept": "text/html"})
    text = client.get("/metrics").text
    assert 'fdt_problems_total{problem="not-signed-in"} 1.0' in text
    assert 'fdt_problems_total{problem="too-many"} 0.0' in text
    assert 'fdt_sign_ins_total{outcome="refused"} 1.0' in text
    assert 'fdt_sign_ins_total{outcome="signed_in"} 0.0' in text


def test_what_waits_in_the_spool_is_told(tmp_path: Path) -> None:
    """Bytes, room, and since when; an empty spool waits for nothing."""
    spool, now = Spool(tmp_path, 5_000), time.time()
    told = SpoolCollector(spool, lambda: now + 100)

    def figures() -> dict[str, float]:
        return {each.name: each.samples[0].value for each in told.collect()}

    assert figures()["fdt_audit_spool_oldest_age_seconds"] == 0
    caller = Caller("alice", frozenset(), frozenset())
    spool.append(entry_of(caller, Action.SEARCH, "device 1", Outcome.FOUND, 1))
    found = figures()
    assert found["fdt_audit_spool_bytes"] > 50
    assert found["fdt_audit_spool_room_bytes"] == 5_000
    assert found["fdt_audit_spool_oldest_age_seconds"] == pytest.approx(100, abs=20)
    (closed,) = spool.closed()
    assert figures()["fdt_audit_spool_oldest_age_seconds"] == pytest.approx(100, abs=20)
    spool.delete(closed)
    assert figures()["fdt_audit_spool_oldest_age_seconds"] == 0
    spool.close()
