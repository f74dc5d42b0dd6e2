"""The seeded plan: everything that the sources publish, and the expected state of every item.

The same arguments give the same plan, byte for byte. ``expected`` is the oracle: it is collected
from the journeys (:mod:`sources.planning.journeys`), without any rule of the tracker.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from sources.planning import vocabulary as v
from sources.planning.events import Malformed, PlannedEvent, Publication
from sources.planning.journeys import HAPPY, KINDS, Kind
from sources.planning.malformed import VARIETIES, spoil
from sources.planning.oracle import Expected
from sources.planning.script import Campaign, PlannedDevice, PlannedRequest, Script
from sources.schedule import HORIZON_MS, LAST_PUBLICATION_MS

MAX_DEVICES_A_REQUEST: Final = 50_000
HAPPY_SHARE: Final = 0.6
COPY_SHARE: Final = 0.03
MALFORMED_SHARE: Final = 0.003
_FIRST_COUNTER: Final = 1_600_000_000_000


@dataclass(frozen=True, slots=True)
class Plan:
    """All publications in order, and the expected state of every item.

    ``expected`` is keyed (Service Request ID, Device ID), ``unmatched`` by Device ID; ``hidden``
    items are kept and not served; ``malformed`` maps the ``ce_id`` header of each bad record to its
    reason code; ``journeys`` names each device's kind of journey. All identifiers are canonical.
    """

    seed: int
    requests: tuple[PlannedRequest, ...]
    devices: tuple[PlannedDevice, ...]
    journeys: dict[str, str]
    events: tuple[PlannedEvent, ...]
    publications: tuple[Publication, ...]
    expected: dict[tuple[str, str], Expected]
    hidden: frozenset[tuple[str, str]]
    unmatched: dict[str, frozenset[str]]
    malformed: dict[str, str]


def build_plan(seed: int, requests: int, devices: int) -> Plan:
    """The plan of ``devices`` devices spread evenly over ``requests`` first requests.

    Suppliers send further requests for some devices, so ``Plan.requests`` is longer. Raises
    :class:`ValueError` with a sentence for numbers that are too small or too large.
    """
    _check(requests, devices)
    rng = Random(seed)
    campaigns = [_campaign(rng, seed, number) for number in range(requests)]
    meters = _devices(rng, devices)
    kinds = _kinds(rng, devices)
    scripts = []
    for number, (device, kind) in enumerate(zip(meters, kinds, strict=True)):
        script = Script(rng, device, campaigns[number * requests // devices])
        kind.write(script)
        scripts.append(script)
    events = tuple(event for script in scripts for event in script.events)
    expected = {key: end for script in scripts for key, end in script.expected.items()}
    bad = _malformed(rng, scripts, len(events))
    publications = _publications(rng, events, bad)
    return Plan(
        seed=seed,
        requests=_used(campaigns, expected),
        devices=tuple(meters),
        journeys={device.device_id: kind.name for device, kind in zip(meters, kinds, strict=True)},
        events=events,
        publications=publications,
        expected=expected,
        hidden=frozenset(key for script in scripts for key in script.hidden),
        unmatched={s.device.device_id: frozenset(s.unmatched) for s in scripts if s.unmatched},
        malformed={piece.malformed_id: piece.reason for piece in bad},
    )


def _check(requests: int, devices: int) -> None:
    if requests < 1:
        raise ValueError(f"{requests} requests make no plan; use 1 or more")
    if devices < requests:
        raise ValueError(f"{devices} devices cannot fill {requests} requests; use one each or more")
    if devices > requests * MAX_DEVICES_A_REQUEST:
        raise ValueError(
            f"{devices} devices in {requests} requests are over {MAX_DEVICES_A_REQUEST:,} each; "
            f"use {math.ceil(devices / MAX_DEVICES_A_REQUEST)} requests or more"
        )
    if devices > v.DEVICE_NUMBERS:
        raise ValueError(f"the reserved test range holds {v.DEVICE_NUMBERS:,} devices; use fewer")


# --- who ------------------------------------------------------------------------------------------


def _campaign(rng: Random, seed: int, number: int) -> Campaign:
    """The requests of one campaign; counters look like the epoch milliseconds of real ones."""
    supplier = v.SUPPLIERS[number % len(v.SUPPLIERS)]
    version = rng.randrange(0x0001_0000, 0x0800_0000) & ~0xF
    image, newer_image = (f"{rng.getrandbits(256):064X}" for _ in range(2))
    counter = _FIRST_COUNTER + (seed % 100_000) * 1_000_000 + number * 3
    opens = rng.randrange(v.HOUR_MS // 2, 4 * v.HOUR_MS)

    def request(nth: int, version: int, image: str) -> PlannedRequest:
        request_id = f"{supplier}:{v.DCC}:{counter + nth}"
        return PlannedRequest(request_id, supplier, f"{version:08X}", image, opens)

    return Campaign(
        request(0, version, image), request(1, version, image), request(2, version + 8, newer_image)
    )


def _devices(rng: Random, count: int) -> list[PlannedDevice]:
    """Consecutive Device IDs from a seeded start, so that two seeds rarely share a device."""
    start = rng.randrange(v.DEVICE_NUMBERS - count + 1)
    return [
        PlannedDevice(
            device_id=v.eui(start + i),
            device_type=v.DEVICE_TYPES[i % len(v.DEVICE_TYPES)],
            csp_region=v.REGIONS[i % len(v.REGIONS)],
            comms_hub_id=v.eui(v.HUB_NUMBERS + (start + i) // 2),
        )
        for i in range(count)
    ]


def _kinds(rng: Random, devices: int) -> list[Kind]:
    """A kind for each device: a share of happy ones, each other kind once, then by weight."""
    others = [kind for kind in KINDS.values() if kind is not HAPPY]
    rng.shuffle(others)
    unhappy = devices - math.ceil(devices * HAPPY_SHARE)
    chosen = others[:unhappy]
    chosen += rng.choices(others, [kind.weight for kind in others], k=unhappy - len(chosen))
    chosen += [HAPPY] * (devices - unhappy)
    rng.shuffle(chosen)
    return chosen


def _used(
    campaigns: Iterable[Campaign], items: Iterable[tuple[str, str]]
) -> tuple[PlannedRequest, ...]:
    """The requests that have a device: all first ones, and the later ones in use."""
    listed = {request_id for request_id, _ in items}
    return tuple(
        request
        for campaign in campaigns
        for request in (campaign.first, campaign.again, campaign.newer)
        if request is campaign.first or request.request_id in listed
    )


# --- what goes out, and when ----------------------------------------------------------------------


def _malformed(rng: Random, scripts: Sequence[Script], events: int) -> list[Malformed]:
    """Every variety in turn, about devices without re-sends: the DSP's register would count it."""
    victims = [s for s in scripts if not any(event.resend for event in s.events)]
    count = max(len(VARIETIES), math.ceil(events * MALFORMED_SHARE))
    pieces = []
    for number in range(count):
        victim = rng.choice(victims)
        variety = VARIETIES[number % len(VARIETIES)]
        publish_ms = rng.randrange(v.HOUR_MS, HORIZON_MS)
        pieces.append(spoil(rng, variety, victim.device, victim.campaign.first, publish_ms))
    return pieces


def _publications(
    rng: Random, events: Sequence[PlannedEvent], bad: Sequence[Malformed]
) -> tuple[Publication, ...]:
    """First publications, copies and malformed records in their order of publication."""
    copied = rng.sample(events, math.ceil(len(events) * COPY_SHARE))
    lines: list[tuple[int, PlannedEvent | Malformed]] = [(e.publish_ms, e) for e in events]
    lines += [(piece.publish_ms, piece) for piece in bad]
    lines += [(_again_ms(rng, e), e) for e in copied]
    lines.sort(key=lambda line: line[0])
    first: dict[int, int] = {}
    return tuple(
        Publication(ordinal, publish_ms, content, first.setdefault(id(content), ordinal))
        for ordinal, (publish_ms, content) in enumerate(lines)
    )


def _again_ms(rng: Random, event: PlannedEvent) -> int:
    """When a copy is published: some minutes to six hours after the first."""
    later = event.publish_ms + rng.randrange(v.MINUTE_MS, 6 * v.HOUR_MS)
    return min(later, LAST_PUBLICATION_MS + v.HOUR_MS)
