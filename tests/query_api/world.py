"""A small world for tests of the read side: events, rows, batches, callers and an application."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from httpx2 import Response
from joserfc.jwk import Key
from starlette.testclient import TestClient

from projections.rows import encode_row
from projections.state import Report
from query_api.app import ReadSide, create_app
from query_api.assembly import Parts, ReadSideConfig, ScreenConfig, services_of
from query_api.audit.entry import AuditEntry
from query_api.audit.reading import Question
from query_api.audit.trail import Auditor
from query_api.identity.access import Caller, Role
from query_api.identity.keys import UnknownKey
from query_api.queries.reads import Reads
from query_api.resets.publishing import NotDurable, Place
from query_api.screen.context import Screen
from query_api.view.layout import Meta
from query_api.view.listing import ForgivingCatalogue
from query_api.view.progress import Progress
from query_api.view.status_view import Batch, Control, Covered, View
from runtime.health import Health
from schemas.identifiers import DeviceId, Eui64
from schemas.topics import Source
from storage.store import MemoryStore, Store
from tests.query_api.tokens import AUDIENCE, ISSUER, TokenMaker
from tests.support.rows import CATALOGUE, row_of

DAY_MS = 86_400_000
RETENTION_MS = 30 * DAY_MS
T0 = 1_795_413_600_000
"""2026-11-23T06:00:00.000Z."""

ALPHA = Eui64("90-B3-D5-1F-30-01-00-00")
BETA = Eui64("90-B3-D5-1F-30-02-00-00")
DCC = "90-B3-D5-1F-30-00-00-02"


def request_id(counter: int, owner: str = ALPHA) -> str:
    """A canonical Service Request ID."""
    return f"{owner}:{DCC}:{counter}"


def device_id(number: int) -> DeviceId:
    """A Device ID that ends in ``number``."""
    tail = f"{number:06X}"
    return DeviceId(f"00-DB-12-34-56-{tail[:2]}-{tail[2:4]}-{tail[4:]}")


def report(
    source: Source,
    code: str,
    *,
    request: str | None = None,
    at: int = T0,
    received_at: int | None = None,
    offset: int = 0,
    result: int | None = None,
    message: str | None = None,
    version: str | None = "0002012F",
    device_type: str | None = "ESME",
    detail: str | None = None,
    event: int | None = None,
) -> Report:
    """A valid record about a device, as the processor keeps it."""
    number = event if event is not None else offset
    return Report(
        identity=uuid.UUID(int=number).bytes + bytes([source]),
        at=at,
        status=CATALOGUE.meaning(source, code, result, message).status,
        received_at=at + 1000 if received_at is None else received_at,
        partition=0,
        offset=offset,
        occurred_at=at,
        code=code,
        result=result,
        message=message,
        request_id=request,
        version=version,
        device_type=device_type if source is Source.DSP else None,
        detail=detail,
    )


def accepted(request: str, **changes: Any) -> Report:
    """The DSP accepted the request for the device."""
    return report(Source.DSP, "I99", request=request, **changes)


def rejected(request: str, **changes: Any) -> Report:
    """The DSP refused the device."""
    return report(Source.DSP, "E5", request=request, **changes)


def approved(request: str, **changes: Any) -> Report:
    """The CSP approved the distribution."""
    return report(Source.CSP, "APPROVED", request=request, **changes)


def delivered(**changes: Any) -> Report:
    """The Comms Hub passed the image to the device; the report names no request."""
    return report(Source.COMMS_HUB, "8F8A", result=0, **changes)


def reset(request: str, **changes: Any) -> Report:
    """The Service Centre reset the item."""
    return report(Source.SSMI, "RESET", request=request, version=None, **changes)


def state(reports: Iterable[Report]) -> bytes:
    """The row of a device, as it stands in the status topic."""
    return encode_row(row_of(reports))


def batch(
    rows: Mapping[DeviceId, bytes | None],
    *,
    partition: int = 0,
    next_offset: int,
    seen_at: int = T0 + 60_000,
    last_received: dict[str, int] | None = None,
    folded: dict[str, int] | None = None,
) -> Batch:
    """A batch of one partition that ends with a control record."""
    sources = {"dsp": T0} if last_received is None else last_received
    control = Control(seen_at, seen_at, sources, folded or {})
    return Batch(dict(rows), {partition: control}, {partition: Covered(next_offset, seen_at)})


def new_view(store: Store | None = None, partitions: int = 1) -> View:
    """An empty view."""
    return View.create(store or MemoryStore(), Meta("topic-id", partitions))


class OneKey:
    """A key source with a single key."""

    def __init__(self, key: Key) -> None:
        self._key = key

    def holds(self, kid: str) -> bool:
        """Always."""
        return True

    def key(self, kid: str) -> Key:
        """The key, whatever it is called here, if the ID is its own."""
        if kid != self._key.thumbprint():
            raise UnknownKey("no such key")
        return self._key


class MemoryTrail:
    """Keeps audit entries in memory, and reads them back."""

    def __init__(self) -> None:
        self.entries: list[AuditEntry] = []

    def append(self, entry: AuditEntry) -> None:
        """Keep an entry."""
        self.entries.append(entry)

    def newest(self, question: Question, most: int = 500) -> list[AuditEntry]:
        """The newest first."""
        return [entry for entry in reversed(self.entries) if question.wants(entry)][:most]


class MemoryPublisher:
    """Takes the Service Centre's events; ``failing`` has the broker away."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.failing = False

    def publish(self, event: dict[str, Any]) -> Place:
        """Its place."""
        if self.failing:
            raise NotDurable("the broker is silent")
        self.events.append(event)
        return Place("firmware.ssmi.v1", 0, len(self.events) - 1)


GENEROUS = ScreenConfig(
    client_id="fdt-screen",
    public_url="http://testserver",
    secret="a secret of the tests, and of nobody else",
    searches_per_minute=1_000_000,
    downloads_per_minute=1_000_000,
)
"""Limits that no other test meets."""


def live_address(page: str) -> str:
    """Where a page asks for what is new."""
    found = re.search(r'data-hx-get="([^"]*)"', page)
    assert found is not None
    return unescape(found[1])


@dataclass
class Browser:
    """A client with a session's cookie, and the screen that it looks at."""

    client: TestClient
    screen: Screen

    def get(self, path: str, **options: Any) -> Response:
        """One page."""
        return self.client.get(path, **options)

    def post(self, path: str, fields: Mapping[str, str], csrf: str | None = None) -> Response:
        """Send a form as one of our pages would."""
        cookies = [value for key, value in self.client.cookies.items() if "fdt" in key]
        session = self.screen.sessions.find(cookies[0]) if cookies else None
        token = session.form_token() if session and csrf is None else csrf or ""
        return self.client.post(path, data={"csrf": token, **fields})

    def request(self, request: str) -> str:
        """Address of a request's page."""
        return self.screen.addresses.request(request)

    def device(self, device: str) -> str:
        """Address of a device's page."""
        return self.screen.addresses.device(device)

    def item(self, device: str, request: str) -> str:
        """Address of an item's page."""
        return self.screen.addresses.item(device, request)


def still() -> float:
    """A clock that stands."""
    return 1_000.0


@dataclass
class World:
    """A view with the application over it, and people who may sign in."""

    view: View = field(default_factory=new_view)
    tokens: TokenMaker = field(default_factory=TokenMaker)
    page_limit: int = 500
    retention_ms: int = RETENTION_MS
    ready: bool = True
    trail: MemoryTrail = field(default_factory=MemoryTrail)
    publisher: MemoryPublisher = field(default_factory=MemoryPublisher)
    screen: ScreenConfig = GENEROUS
    damage: list[Exception] = field(default_factory=list)
    next_offset: int = 0
    clock: Callable[[], float] = time.monotonic
    """Seconds; :func:`still` where a slow machine must not make answers differ."""
    health: Health = field(default_factory=Health)

    def __post_init__(self) -> None:
        self.progress = Progress(self.clock)
        if self.ready:
            self.progress.begin(self.view, {0: 0}, {0: 0})

    def put(self, rows: Mapping[DeviceId, Iterable[Report] | None], **changes: Any) -> None:
        """Apply rows as one batch."""
        self.next_offset += len(rows) + 1
        encoded = {d: None if r is None else state(r) for d, r in rows.items()}
        self.view.apply(batch(encoded, next_offset=self.next_offset, **changes))
        self.progress.reach({0: self.next_offset})

    def services(self) -> ReadSide:
        """What the application works with."""
        reads = Reads(self.progress, ForgivingCatalogue(CATALOGUE), self.retention_ms)
        config = ReadSideConfig(
            bootstrap="",
            data_dir=Path(),
            view_folder=Path(),
            host="127.0.0.1",
            port=0,
            profile="production",
            retention_ms=self.retention_ms,
            oidc_audience=AUDIENCE,
            oidc_issuer=ISSUER,
            page_limit=self.page_limit,
            screen=self.screen,
        )
        parts = Parts(reads, Auditor(self.trail), self.trail, self.publisher, self.health)
        issuers = {ISSUER: OneKey(self.tokens.key)}
        return services_of(config, parts, issuers, "http://127.0.0.1")

    def app(self) -> FastAPI:
        """The application."""
        return create_app(self.services(), self.damage.append)

    def browser(
        self, *roles: Role, user_ids: Iterable[str] = (), subject: str = "alice"
    ) -> Browser:
        """A browser in which somebody has signed in."""
        services = self.services()
        assert services.screen is not None
        caller = Caller(subject, frozenset(map(Eui64, user_ids)), frozenset(roles), "Alice A")
        client = TestClient(
            create_app(services, self.damage.append),
            base_url=services.screen.public_url,
            headers={"Accept": "text/html"},
            raise_server_exceptions=False,
            follow_redirects=False,
        )
        cookie, host = services.screen.sessions.begin(caller), client.base_url.host
        domain = host if "." in host else f"{host}.local"  # as the jar calls it
        client.cookies.set(services.screen.cookie, cookie, domain=domain, path="/")
        return Browser(client, services.screen)

    def supplier_browser(self, user_id: str = ALPHA) -> Browser:
        """A supplier's browser."""
        return self.browser(Role.SUPPLIER, user_ids=[user_id])

    def client(self, *roles: Role, user_ids: Iterable[str] = ()) -> TestClient:
        """A signed-in client."""
        token = self.tokens.make(roles=list(roles), user_ids=list(user_ids))
        return TestClient(
            self.app(),
            headers={"Authorization": f"Bearer {token}"},
            raise_server_exceptions=False,
        )

    def supplier(self, user_id: str = ALPHA) -> TestClient:
        """A supplier's client."""
        return self.client(Role.SUPPLIER, user_ids=[user_id])

    def service_centre(self) -> TestClient:
        """A Service Centre client."""
        return self.client(Role.SERVICE_CENTRE)

    def stranger(self) -> TestClient:
        """Nobody has signed in."""
        return TestClient(self.app(), raise_server_exceptions=False)
