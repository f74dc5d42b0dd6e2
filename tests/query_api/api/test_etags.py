"""An ETag stands for what was asked for: it changes with that, and with nothing else."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from typing import Any, Final

import pytest
from starlette.testclient import TestClient

from query_api.identity.access import Role
from query_api.queries.answers import DeviceAnswer, ItemAnswer, RequestAnswer
from tests.query_api.world import (
    DAY_MS,
    RETENTION_MS,
    T0,
    World,
    accepted,
    approved,
    delivered,
    device_id,
    rejected,
    request_id,
    reset,
    still,
)

R1, R2 = request_id(1), request_id(2)
D1, D2 = device_id(1), device_id(2)
ITEM, DEVICE, REQUEST = (
    f"/v1/devices/{D1}/service-requests/{R1}",
    f"/v1/devices/{D1}",
    f"/v1/service-requests/{R1}",
)
PATHS: Final = (ITEM, DEVICE, REQUEST, f"{REQUEST}?limit=1", f"{REQUEST}?status=Rejected by DSP")
FRESH: Final = ("fdt-as-of", "fdt-lag-events", "fdt-sources")


def told(answer: Any) -> dict[str, Any]:
    """The freshness that the headers tell, as a body would."""
    as_of, lag, sources = (answer.headers[name] for name in FRESH)
    return {
        "lag_events": None if lag == "unknown" else int(lag),
        "as_of": None if as_of == "unknown" else as_of,
        "sources": json.loads(sources),
    }


@pytest.mark.parametrize("path", PATHS)
def test_nothing_but_the_freshness_has_moved(path: str) -> None:
    """A minute later, after events about others: 304, and the headers say how fresh that is."""
    world = World(clock=still)
    world.put({D1: [accepted(R1)]})
    client = world.supplier()
    first = client.get(path)
    others = {device_id(9): [accepted(R2)]}
    world.put(others, seen_at=T0 + 120_000, last_received={"dsp": T0 + 9, "csp/Nördlich": T0 + 8})
    world.progress.see_ends({0: world.next_offset + 3})
    again = client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    whole = client.get(path)
    assert whole.status_code == 200
    assert whole.headers["etag"] == again.headers["etag"] == first.headers["etag"]
    assert told(again) == told(whole) == whole.json()["freshness"]
    assert told(again) != told(first)
    for name in ("cache-control", "vary", "etag"):
        assert again.headers[name] == whole.headers[name]


def test_headers_that_would_grow_too_long_are_left_out() -> None:
    """Publishers name their regions: a proxy must not refuse the answer for that."""
    world = World(clock=still)
    regions = {f"csp/{number:028}": T0 for number in range(60)}
    world.put({D1: [accepted(R1)]}, last_received=regions)
    answer = world.supplier().get(ITEM)
    assert len(answer.json()["freshness"]["sources"]) == 60
    assert "fdt-sources" not in answer.headers
    assert answer.headers["fdt-lag-events"] == "0"


def spellings(etag: str) -> dict[str, bool]:
    """What a client may send, and whether it names this tag."""
    opaque = etag.removeprefix("W/").strip('"')
    return {
        etag: True,
        f'"{opaque}"': True,
        f'W/"{opaque}-gzip"': True,
        f'"{opaque}-gzip"': True,
        f'"{opaque};gzip"': True,
        f'"{opaque}--gzip"': True,
        f'W/"{opaque}-br"': True,
        f'"{opaque}-zstd"': True,
        f'"other", W/"{opaque}"': True,
        f'"a,b" ,"{opaque}-gzip"': True,
        "*": True,
        " * ": True,
        '"*"': False,
        '"other"': False,
        opaque: False,
        f'"{opaque[:-1]}"': False,
        f'"{opaque}-gzip-gzip"': False,
        f'"x{opaque}"': False,
        f'"{opaque}-other"': False,
        "": False,
        ",": False,
        '"': False,
    }


@pytest.mark.parametrize("path", PATHS)
def test_a_tag_is_known_as_proxies_hand_it_on(path: str) -> None:
    """Weakened, with the suffix of who compressed it, in a list or in two headers, or ``*``."""
    world = World(clock=still)
    world.put({D1: [accepted(R1)]})
    client = world.supplier()
    etag = client.get(path).headers["etag"]
    assert etag.startswith('W/"')
    for sent, known in spellings(etag).items():
        answer = client.get(path, headers={"If-None-Match": sent})
        assert answer.status_code == (304 if known else 200), sent
    twice = client.get(path, headers=[("If-None-Match", '"other"'), ("If-None-Match", etag)])
    assert twice.status_code == 304


def histories(rng: random.Random) -> Any:
    """A world that goes on: one event, or none, or time, after the other."""
    world = World(clock=still)
    rows: dict[Any, list[Any]] = defaultdict(list)
    rows[D1], now = [accepted(R1)], T0
    for step in range(1, 60):
        made = {
            "at": now,
            "offset": step,
        }
        kind = rng.choice(
            ["time", "lag", "other", "same", "one", "reset", "unmatched", "copy", "long"]
        )
        device = D2 if kind in ("other", "same") else D1
        if kind == "other":
            device = device_id(7)
            rows[device].append(accepted(R2, **made))
        elif kind == "same":
            rows[device].append(rng.choice([accepted, rejected, approved])(R1, **made))
        elif kind == "one":
            rows[device].append(rng.choice([approved, rejected])(R1, detail=str(step), **made))
        elif kind == "reset":
            rows[device].append(reset(R1, **made))
        elif kind == "unmatched":
            rows[device].append(delivered(version="0002013A", **made))
        elif kind == "copy" and rows[device]:
            rows[device].append(rows[device][-1])
        elif kind == "long":
            now += RETENTION_MS // 4
        now += rng.randrange(1, DAY_MS // 100)
        world.put({key: reports for key, reports in rows.items() if reports}, seen_at=now)
        world.progress.see_ends({0: world.next_offset + (kind == "lag")})
        yield world


@pytest.mark.parametrize("seed", range(3))
def test_a_tag_changes_with_what_is_shown_and_only_with_that(seed: int) -> None:
    """At every step of a history: two answers have one tag if and only if they show the same."""
    shown: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    bodies: dict[tuple[str, str], set[str]] = defaultdict(set)
    clients: dict[str, TestClient] = {}
    kept = 0
    for world in histories(random.Random(seed)):
        if not clients:
            clients = {"supplier": world.supplier(), "auditor": world.client(Role.AUDITOR)}
        for who, client in clients.items():
            for path in PATHS:
                kept += one_step(client, path, shown[who, path], bodies[who, path])
    assert kept > 50
    assert all(len(found) > 1 for found in bodies.values())


def one_step(client: TestClient, path: str, shown: dict[str, str], bodies: set[str]) -> int:
    """Ask, and compare with what was shown before; 1 if it is the same as at the last step."""
    answer = client.get(path)
    if answer.status_code == 404:
        return 0
    body = answer.json()
    freshness = body.pop("freshness")
    body.pop("changes_cursor", None)  # an older one lists more, and is as good
    assert told(answer) == freshness
    text, etag = json.dumps(body), answer.headers["etag"]
    last = shown.pop("last", None)
    assert shown.setdefault(etag, text) == text, "one tag for two answers"
    bodies.add(text)
    assert len(bodies) == len(shown), "two tags for one answer"
    shown["last"] = etag
    if last is None:
        return 0
    conditional = client.get(path, headers={"If-None-Match": last})
    assert conditional.status_code == (304 if last == etag else 200)
    return int(last == etag)


def test_the_body_is_the_documented_model() -> None:
    """The freshness is put behind the rest by hand: the fields and their order are the model's."""
    world = World(clock=still)
    world.put({D1: [accepted(R1)], D2: [rejected(R1)]})
    client = world.supplier()
    for path, model in ((ITEM, ItemAnswer), (DEVICE, DeviceAnswer), (REQUEST, RequestAnswer)):
        answer = client.get(path)
        assert model.model_validate_json(answer.text).model_dump_json() == answer.text


def test_pages_carry_no_tag() -> None:
    """They show ages and freshness in words, which move: a page is never *not modified*."""
    world = World(clock=still)
    world.put({D1: [accepted(R1)]})
    browser = world.supplier_browser()
    for address in (browser.item(D1, R1), browser.device(D1), browser.request(R1)):
        answer = browser.get(address, headers={"If-None-Match": "*", "HX-Request": "true"})
        assert answer.status_code == 200
        assert "etag" not in answer.headers
        assert answer.headers["cache-control"] == "no-store"
