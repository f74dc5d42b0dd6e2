"""Measures pages over HTTP, from the search to the rendered first page, with a million items.

The view is filled directly; everything from the session's cookie to the last byte is the real
program. The size of a page is measured too.
"""

from __future__ import annotations

import itertools
import re
import statistics
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
import uvicorn

from bench.pages_parts import MemoryLog, NoPublisher
from fdt.processes.children import free_port
from projections.catalogue import load_catalogue
from projections.fold import Fold
from projections.rows import encode_row
from projections.state import Report
from query_api.app import create_app
from query_api.assembly import Parts, ReadSideConfig, ScreenConfig, services_of
from query_api.audit.spool import Spool
from query_api.audit.trail import Auditor
from query_api.identity.access import Caller, Role
from query_api.queries.reads import Reads
from query_api.screen.context import Screen
from query_api.view.layout import Meta
from query_api.view.listing import ForgivingCatalogue
from query_api.view.progress import Progress
from query_api.view.status_view import Batch, Control, Covered, View
from schemas.identifiers import DeviceId, Eui64
from schemas.topics import DAY_MS, Source
from storage.rocks import RocksStore

ITEMS: Final = 1_000_000
LARGEST: Final = 50_000
"""Devices of the request that is searched for."""
ROUNDS: Final = 300

OWNER: Final = Eui64("90-B3-D5-1F-30-01-00-00")
_BATCH: Final = 5_000
_STEPS: Final = (
    (Source.DSP, "I99", None),
    (Source.CSP, "APPROVED", None),
    (Source.CSP, "CH-TRANSFER-OK", None),
    (Source.COMMS_HUB, "8F8A", 0),
    (Source.COMMS_HUB, "CS06", 0),
)


def measure(items: int = ITEMS, say: Callable[[str], None] = print) -> dict[str, float]:
    """Milliseconds (p50, p95) of each page, and KiB of the heaviest with and without cache."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        say(f"filling a view with {items:,} items")
        view = filled(folder / "view", items)
        with _served(view, folder) as (url, screen):
            say(f"asking for pages, {ROUNDS} times each")
            figures = _measured(url, screen, items)
        view.close()
    return {"page_items": float(items), **figures}


def request_of(number: int) -> str:
    """The Service Request that item ``number`` of the view begins; 0 is the largest."""
    return f"{OWNER}:90-B3-D5-1F-30-00-00-02:{number + 1}"


def _device(number: int) -> DeviceId:
    return DeviceId("-".join(re.findall("..", f"00DB1234{number:08X}")))


def filled(folder: Path, items: int) -> View:
    """One request of the largest size, the others a tenth of it."""
    view = View.create(RocksStore(folder), Meta("bench", 1))
    rules = Fold(load_catalogue(), frozenset({"ESME"}))
    now = time.time_ns() // 1_000_000
    for start in range(0, items, _BATCH):
        rows: dict[DeviceId, bytes | None] = {
            _device(number): _row(rules, number, now)
            for number in range(start, min(start + _BATCH, items))
        }
        control = Control(now, now, {"dsp": now, "csp/North": now})
        view.apply(Batch(dict(rows), {0: control}, {0: Covered(start + _BATCH, now)}))
    return view


def _row(rules: Fold, number: int, now: int) -> bytes:
    request = 0 if number < LARGEST else 1 + (number - LARGEST) * 10 // LARGEST
    row = rules.new_row()
    for step, (source, code, result) in enumerate(_STEPS[: 1 + number % len(_STEPS)]):
        at = now - DAY_MS + step * 60_000
        meaning = rules.catalogue.meaning(source, code, result, None)
        rules.add(
            row,
            Report(
                identity=uuid.UUID(int=step).bytes + bytes([source]),
                at=at,
                status=meaning.status,
                received_at=at + 500,
                partition=0,
                offset=number * 5 + step,
                occurred_at=at,
                code=code,
                result=result,
                message=None,
                request_id=request_of(request),
                version="0002012F",
                device_type="ESME" if source is Source.DSP else None,
            ),
        )
    return encode_row(row)


@contextmanager
def _served(view: View, folder: Path) -> Iterator[tuple[str, Screen]]:
    port = free_port()
    config = ReadSideConfig(
        bootstrap="",
        data_dir=folder,
        view_folder=folder / "view",
        host="127.0.0.1",
        port=port,
        profile="development",
        retention_ms=30 * DAY_MS,
        oidc_audience="bench",
        screen=ScreenConfig(searches_per_minute=1_000_000),
    )
    progress = Progress()
    progress.begin(view, {0: 0}, {0: 0})
    reads = Reads(progress, ForgivingCatalogue(load_catalogue()), config.retention_ms)
    spool = Spool(folder / "audit", 1 << 30)
    parts = Parts(reads, Auditor(spool), MemoryLog(), NoPublisher())
    services = services_of(config, parts, {}, f"http://127.0.0.1:{port}")
    assert services.screen is not None
    app = create_app(services, on_damage=_raise)
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, lifespan="off")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield services.screen.public_url, services.screen
    finally:
        server.should_exit = True
        thread.join()
        spool.close()


def _raise(error: Exception) -> None:
    raise error


def _measured(url: str, screen: Screen, items: int) -> dict[str, float]:
    caller = Caller("bench", frozenset([OWNER]), frozenset([Role.SUPPLIER]))
    name = screen.sessions.begin(caller, "")
    session = screen.sessions.find(name)
    assert session is not None
    spread = itertools.cycle(range(0, items, max(1, items // 997)))
    with httpx.Client(base_url=url, cookies={screen.cookie: name}) as client:

        def search(by: str, value: str) -> httpx.Response:
            fields = {"csrf": session.form_token(), "by": by, "value": value}
            return client.post("/search", data=fields, follow_redirects=True)

        def item() -> httpx.Response:
            number = next(spread)
            request = 0 if number < LARGEST else 1 + (number - LARGEST) * 10 // LARGEST
            return client.get(screen.addresses.item(_device(number), request_of(request)))

        largest = screen.addresses.request(request_of(0))
        asked: dict[str, Callable[[], httpx.Response]] = {
            "search_request": lambda: search("request", request_of(0)),
            "search_device": lambda: search("device", _device(next(spread))),
            "filtered": lambda: client.get(largest, params={"status": "Firmware Activated"}),
            "item": item,
        }
        figures: dict[str, float] = {}
        for what, ask in asked.items():
            figures |= _times(what, ask)
        return figures | _weight(client, largest) | _foreign(url, screen, items)


def _foreign(url: str, screen: Screen, items: int) -> dict[str, float]:
    """Milliseconds, by turns, of what is another's and of what is not there at all."""
    stranger = Eui64("90-B3-D5-1F-30-02-00-00")
    caller = Caller("stranger", frozenset([stranger]), frozenset([Role.SUPPLIER]))
    cookies = {screen.cookie: screen.sessions.begin(caller, "")}
    found: dict[str, list[float]] = {"foreign": [], "unknown": []}
    with httpx.Client(base_url=url, cookies=cookies) as client:
        for turn in range(4 * ROUNDS):
            for what, number in (("foreign", turn * 31 % items), ("unknown", items + turn)):
                address = screen.addresses.device(_device(number))
                begun = time.perf_counter()
                answer = client.get(address)
                found[what].append((time.perf_counter() - begun) * 1000)
                assert answer.status_code == 404
    return {f"{what}_p50_ms": statistics.median(samples) for what, samples in found.items()}


def _times(what: str, ask: Callable[[], httpx.Response]) -> dict[str, float]:
    """Milliseconds of one kind of page."""
    samples = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        answer = ask()
        samples.append((time.perf_counter() - begun) * 1000)
        answer.raise_for_status()
    cuts = statistics.quantiles(samples, n=100)
    return {f"{what}_p50_ms": cuts[49], f"{what}_p95_ms": cuts[94]}


def _weight(client: httpx.Client, address: str) -> dict[str, float]:
    """KiB on the wire of a full page of a request, without cache and with."""
    with client.stream("GET", address) as answer:
        page = sum(map(len, answer.iter_raw()))
    files = set(re.findall(r'(?:href|src)="(/assets/[^"]*)"', client.get(address).text))
    total = page
    for name in files:
        with client.stream("GET", name) as answer:
            total += sum(map(len, answer.iter_raw()))
    return {"page_kib": page / 1024, "page_and_files_kib": total / 1024}
