"""Builds the read side's services: queries, resets, and the screen with its sign-in.

:mod:`query_api.server` calls it once the listener is bound, for the screen needs its address.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from fastapi import FastAPI
from prometheus_client.registry import Collector

from query_api.app import ReadSide
from query_api.audit.entry import wall_ms
from query_api.audit.reading import AuditLog
from query_api.audit.trail import Auditor
from query_api.identity.access_tokens import Authenticator, Claims
from query_api.identity.keys import DevelopmentKey, KeySource, OidcKeys
from query_api.identity.logout_tokens import LogoutTokens
from query_api.identity.provider_http import ProviderHttp
from query_api.identity.rate_limit import RateLimit
from query_api.identity.sessions import Sessions
from query_api.identity.sign_in import Client, Provider, SignIn
from query_api.queries.query_service import Limits, QueryService
from query_api.queries.reads import PROCESSOR_SILENT_AFTER_MS, Reads
from query_api.resets.publishing import Publisher
from query_api.resets.resets import Resets
from query_api.screen import development_provider
from query_api.screen.context import Screen, origin_of
from query_api.screen.development_provider import DevelopmentProvider, Person
from query_api.screen.pages.environment import Templates
from query_api.screen.sealing import Seal, secret_of_folder
from query_api.sharing.shared import Shared
from query_api.web.listener_tls import CertificateFiles
from runtime.access.address import is_loopback
from runtime.health import Health
from runtime.topics import TopicsWatch
from schemas.topics import TopicSpec
from storage.store import MEMORY_MB

REFRESHES_PER_MINUTE: Final = 120
"""Per user. One open page refreshes 20 times a minute, and several may be open."""
_HOUR_MS: Final = 3_600_000
_MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class ScreenConfig:
    """Configuration of the screen. Times are seconds unless the name says otherwise."""

    client_id: str | None = None
    """The screen's client ID at the identity provider; ``None`` leaves the development sign-in."""
    client_secret: str | None = None
    public_url: str | None = None
    """URL of the screen for browsers, if it differs from the address of the listener."""
    secret: str | None = None
    """Secret that seals page addresses; ``None`` makes one in the data folder."""
    session_keys: Path | None = None
    """File of the secrets that seal sessions; all read sides of an installation share it."""
    idle_s: float = 1800.0
    absolute_s: float = 28_800.0
    silent_after_ms: int = _HOUR_MS
    processor_silent_after_ms: int = PROCESSOR_SILENT_AFTER_MS
    searches_per_minute: int = 120
    downloads_per_minute: int = 10
    spool_bytes: int = 64 * _MIB
    page_size: int = 50
    people: tuple[Person, ...] = ()
    """Users that the development sign-in offers."""


@dataclass(frozen=True, slots=True)
class ReadSideConfig:
    """Configuration of the read side."""

    bootstrap: str
    """Addresses of the Kafka brokers."""
    data_dir: Path
    """Folder of the development key."""
    view_folder: Path
    """Folder of this instance's own view."""
    host: str
    port: int
    """0 lets the system choose."""
    profile: Literal["development", "production"]
    retention_ms: int
    oidc_audience: str
    oidc_issuer: str | None = None
    oidc_ca_file: Path | None = None
    """CA certificates (PEM) for the identity provider; ``None`` uses the public ones."""
    claims: Claims = field(default_factory=Claims)
    page_limit: int = 500
    screen: ScreenConfig = field(default_factory=ScreenConfig)
    store_memory_mb: int = MEMORY_MB
    catalogue_path: Path | None = None
    """A code catalogue instead of the project's own."""
    registry_url: str | None = None
    """Schema registry; without it schema ids come from the files."""
    specs: tuple[TopicSpec, ...] = ()
    """The required topics and their settings."""
    tls: CertificateFiles | None = None
    """Certificate and key of the listener; ``None`` serves plain HTTP."""

    @property
    def is_for_development(self) -> bool:
        """Whether the profile is development and the server listens on loopback only."""
        return self.profile == "development" and is_loopback(self.host)


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts that the services are built from."""

    reads: Reads
    auditor: Auditor
    log: AuditLog
    publisher: Publisher
    health: Health = field(default_factory=Health)
    topics: TopicsWatch | None = None
    shared: Shared = field(default_factory=Shared)
    collectors: Sequence[Collector] = ()


def services_of(
    config: ReadSideConfig, parts: Parts, issuers: Mapping[str, KeySource], base: str
) -> ReadSide:
    """The services behind all requests; ``base`` is the URL of the listener."""
    tell, listener = parts.shared.taken, parts.shared.listener
    limits = Limits(
        RateLimit("searches", config.screen.searches_per_minute, tell=tell),
        RateLimit("refreshes", REFRESHES_PER_MINUTE, tell=tell),
        RateLimit("downloads", config.screen.downloads_per_minute, tell=tell),
    )
    if listener is not None:
        listener.follow(limits.all())
    queries = QueryService(parts.reads, parts.auditor, parts.log, limits)
    resets = Resets(queries, parts.publisher)
    return ReadSide(
        parts.reads,
        Authenticator(issuers, config.oidc_audience, config.claims),
        config.page_limit,
        queries,
        resets,
        parts.health,
        parts.topics,
        parts.collectors,
        screen_of(config, queries, resets, parts.shared, base),
    )


def screen_of(
    config: ReadSideConfig, queries: QueryService, resets: Resets, shared: Shared, base: str
) -> Screen | None:
    """The pages; ``None`` where no sign-in is configured."""
    settings, public_url = config.screen, public_url_of(config, base)
    if settings.client_id is not None and config.oidc_issuer is not None:
        client_id, issuer = settings.client_id, config.oidc_issuer
    elif config.is_for_development:
        client_id, issuer = development_provider.CLIENT_ID, base + development_provider.PATH
    else:
        return None
    client = Client(
        client_id,
        settings.client_secret,
        redirect_uri_of(public_url),
        f"{public_url}/sign-in?after=signed-out",
    )
    keys = OidcKeys(issuer, ca_file=config.oidc_ca_file)
    provider = Provider(ProviderHttp(issuer, ca_file=config.oidc_ca_file))
    id_tokens = Authenticator({issuer: keys}, client_id, config.claims)
    return Screen(
        queries=queries,
        resets=resets,
        sessions=Sessions(settings.idle_s, settings.absolute_s, shared.keys, shared.endings),
        sign_in=SignIn(provider, id_tokens, client, shared.keys, shared.endings),
        logout_tokens=LogoutTokens(issuer, keys, client_id),
        seal=Seal(settings.secret or secret_of_folder(config.data_dir)),
        templates=Templates(),
        public_url=public_url,
        provider_origin="" if issuer.startswith(public_url) else origin_of(issuer),
        silent_after_ms=settings.silent_after_ms,
        processor_silent_after_ms=settings.processor_silent_after_ms,
        page_size=settings.page_size,
        now_ms=wall_ms,
    )


def mount_provider(app: FastAPI, config: ReadSideConfig, base: str) -> None:
    """Mounts the development sign-in, if no client is configured and the server is on loopback."""
    if config.screen.client_id is not None or not config.is_for_development:
        return
    provider = DevelopmentProvider(
        base,
        DevelopmentKey(config.data_dir),
        config.claims,
        config.screen.people,
        [redirect_uri_of(public_url_of(config, base))],
    )
    app.mount(development_provider.PATH, development_provider.app(provider, Templates()))


def public_url_of(config: ReadSideConfig, base: str) -> str:
    """URL of the screen for browsers."""
    return (config.screen.public_url or base).rstrip("/")


def redirect_uri_of(public_url: str) -> str:
    """Where the identity provider sends browsers back to."""
    return f"{public_url}/sign-in/callback"
