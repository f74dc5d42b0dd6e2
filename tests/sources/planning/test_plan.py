"""What every plan holds: the floors of disorder, each kind of journey, identities in range."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

import pytest

from schemas.codec import Codec
from schemas.identifiers import DeviceId, ServiceRequestId
from sources.planning import vocabulary as v
from sources.planning.journeys import HAPPY, KINDS
from sources.planning.malformed import VARIETIES
from sources.planning.plan import Plan, build_plan
from sources.schedule import HORIZON_MS, Schedule
from sources.wire import wire
from tests.sources.planning.counting import counts_of

REASONS = {
    "null-value", "bad-framing", "unknown-schema", "wrong-record", "bad-avro", "trailing-bytes",
    "missing-key", "key-mismatch", "wrong-partition", "invalid-event-id", "invalid-device-id",
    "invalid-service-request-id", "invalid-firmware-version", "invalid-running-version",
    "invalid-image-hash", "invalid-occurred-at", "invalid-service-reference-variant",
    "empty-operator", "empty-reason", "empty-incident-reference", "invalid-seen-event-id",
    "unknown-code", "ineligible-device",
}  # fmt: skip


def published(plan: Plan) -> list[object]:
    """Everything that goes out, as bytes."""
    schedule, codec = Schedule.starting(1_795_000_000_000, 5_000.0, rate=500.0), Codec()
    return [wire(publication, schedule, codec, 4) for publication in plan.publications]


@pytest.mark.parametrize("seed", [7, 8])
def test_the_default_plan_reaches_its_floors(seed: int) -> None:
    """Copies, disorder, reports without a request, malformed records; as large as the main job."""
    counts = counts_of(build_plan(seed, requests=20, devices=5000))
    assert counts.copies >= 0.02 * counts.events
    assert counts.out_of_order >= 0.05 * counts.events
    assert counts.hub_events_without_request >= 0.30 * counts.hub_events
    assert 0.002 <= counts.malformed / counts.events <= 0.005


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_kind_of_journey_occurs_from_500_devices_on(seed: int) -> None:
    """No kind depends on luck."""
    assert set(counts_of(build_plan(seed, requests=3, devices=500)).by_kind) == set(KINDS)


def test_most_devices_are_happy(plan: Plan) -> None:
    """Sixty in a hundred."""
    assert counts_of(plan).by_kind[HAPPY.name] == 0.6 * len(plan.devices)


def test_the_same_arguments_give_the_same_bytes() -> None:
    """Headers, keys, partitions and values."""
    assert published(build_plan(3, 2, 60)) == published(build_plan(3, 2, 60))


def test_another_seed_gives_other_devices_requests_and_events() -> None:
    """Two runs on one broker do not meet."""
    one, other = build_plan(3, 2, 60), build_plan(4, 2, 60)
    assert not {d.device_id for d in one.devices} & {d.device_id for d in other.devices}
    assert not {r.request_id for r in one.requests} & {r.request_id for r in other.requests}
    assert not {e.event_id for e in one.events} & {e.event_id for e in other.events}


def test_devices_are_spread_evenly_over_requests_of_several_suppliers() -> None:
    """Every first request lists its share, and carries one version and one image of its own."""
    plan = build_plan(5, requests=7, devices=700)
    first_of: dict[str, str] = {}
    for event in sorted(plan.events, key=lambda e: e.occurred_ms):
        if request_id := event.fields["service_request_id"]:
            first_of.setdefault(event.device_id, ServiceRequestId.parse(request_id))
    known = {request.request_id for request in plan.requests}
    sizes = Counter(request_id for request_id in first_of.values() if request_id in known)
    assert sum(size > 60 for size in sizes.values()) == 7
    assert {request.originator for request in plan.requests} == set(v.SUPPLIERS)
    assert len({r.image_hash for r in plan.requests}) >= 7
    assert known == {request_id for request_id, _ in plan.expected} | known


def test_identities_are_unique_and_reserved_for_tests(plan: Plan) -> None:
    """Only the documented test ranges; no device is a hub; every event has its own UUID."""
    devices = [device.device_id for device in plan.devices]
    assert len(set(devices)) == len(devices)
    assert not set(devices) & {device.comms_hub_id for device in plan.devices}
    for device in plan.devices:
        assert DeviceId.parse(device.device_id) == device.device_id
        assert device.device_id.startswith(v.DEVICE_PREFIX)
        assert device.comms_hub_id.startswith(v.DEVICE_PREFIX)
    for request in plan.requests:
        assert ServiceRequestId.parse(request.request_id) == request.request_id
    ids = [event.event_id for event in plan.events] + list(plan.malformed)
    assert len(set(ids)) == len(ids)
    assert all(str(UUID(event_id)) == event_id for event_id in ids)


def test_counts_add_up(plan: Plan) -> None:
    """Publications are events, copies and malformed records, and each belongs to one source."""
    counts = counts_of(plan)
    assert counts.publications == len(plan.publications)
    assert counts.publications == counts.events + counts.copies + counts.malformed
    assert sum(counts.by_source.values()) == counts.publications
    assert sum(counts.by_reason.values()) == counts.malformed == len(plan.malformed)
    assert sum(counts.by_kind.values()) == len(plan.devices)


def test_publications_are_in_order_and_copies_come_after_the_first(plan: Plan) -> None:
    """Ordinals count up with time, and a copy has the content of its first."""
    times = [publication.publish_ms for publication in plan.publications]
    assert times == sorted(times)
    for ordinal, publication in enumerate(plan.publications):
        assert publication.ordinal == ordinal
        assert publication.first <= ordinal
        assert plan.publications[publication.first].content is publication.content


def test_copies_are_the_same_bytes(plan: Plan) -> None:
    """Those of a wrong clock too, whose time depends on when the first went out."""
    records = published(plan)
    copies = [p for p in plan.publications if p.is_copy]
    assert copies
    for copy in copies:
        assert records[copy.ordinal] == records[copy.first]


def test_events_stay_within_the_horizon_and_go_out_after_they_occur(plan: Plan) -> None:
    """The arithmetic of the schedule rests on both."""
    for event in plan.events:
        assert 0 <= event.occurred_ms <= HORIZON_MS
        assert event.publish_ms >= event.occurred_ms


def test_every_reason_for_a_dead_letter_occurs_in_the_smallest_plan() -> None:
    """One variety or more for each code of the contract."""
    assert {variety.reason for variety in VARIETIES} == REASONS
    assert set(counts_of(build_plan(1, 1, 1)).by_reason) == REASONS


@pytest.mark.parametrize(
    ("requests", "devices", "says"),
    [
        (0, 10, "use 1 or more"),
        (5, 4, "use one each or more"),
        (1, 50_001, "use 2 requests or more"),
        (200, v.DEVICE_NUMBERS + 1, "use fewer"),
    ],
)
def test_numbers_that_make_no_plan_are_refused(requests: int, devices: int, says: str) -> None:
    """The sentence names what would do."""
    with pytest.raises(ValueError, match=says):
        build_plan(1, requests, devices)
