"""The read side as a process: starts view, feed and HTTP server, and stops them in order.

``fdt serve`` calls :func:`run`.
"""

from __future__ import annotations

import errno
import logging
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Final

import uvicorn
from fastapi import FastAPI
from prometheus_client.registry import Collector

from projections.catalogue import load_catalogue
from query_api.api.metrics import HeardCollector, SpoolCollector
from query_api.app import create_app
from query_api.assembly import Parts, ReadSideConfig, mount_provider, services_of
from query_api.audit.reading import KafkaAuditLog
from query_api.audit.spool import Spool
from query_api.audit.trail import Auditor, SpoolPublisher
from query_api.identity.keys import DEVELOPMENT_ISSUER, DevelopmentKey, KeySource, OidcKeys
from query_api.identity.sealing_keys import UnusableKeys
from query_api.queries.reads import Reads
from query_api.resets.publishing import KafkaPublisher
from query_api.sharing.listening import Listener
from query_api.sharing.shared import Shared, shared
from query_api.view.feed import Feed
from query_api.view.folder import rocks
from query_api.view.listing import ForgivingCatalogue
from query_api.web.listener_tls import ListenerTls, UnusableCertificate
from runtime import interpreter
from runtime.access.rotation import Rotation
from runtime.access.schema_registry import registry
from runtime.alone import only_one
from runtime.health import Health
from runtime.metrics.process import StoresCollector, of_process
from runtime.topics import TopicsWatch
from schemas.codec import Codec

logger = logging.getLogger(__name__)

Beside = Feed | SpoolPublisher | TopicsWatch | Listener | Rotation | ListenerTls
"""The parts that have a thread of their own beside the server."""

BACKLOG: Final = 1024
GRACE_S: Final = 10
"""How long requests in progress may take when the server is stopped."""


class CannotServe(RuntimeError):
    """The read side cannot start; the message says what the operator has to change."""


class ReadSideEnded(RuntimeError):
    """A part failed, and the process ends with it; the message says why."""


def run(config: ReadSideConfig, on_listening: Callable[[str], None] | None = None) -> bool:
    """Serve until SIGTERM or SIGINT; ``on_listening`` gets the URL once connections are accepted.

    Returns whether the process is to be started again, for new credentials. Raises
    :class:`~runtime.alone.NotAlone` if another process uses the folder of the view,
    :class:`CannotServe` before it listens, and :class:`ReadSideEnded` if a part failed.
    """
    lock = config.view_folder.with_name(f"{config.view_folder.name}.lock")
    with only_one(lock, "FDT_READ_VIEW_NAME"):
        return _serve(config, on_listening)


def _serve(config: ReadSideConfig, on_listening: Callable[[str], None] | None) -> bool:
    catalogue = ForgivingCatalogue(load_catalogue(config.catalogue_path))
    issuers = accepted_issuers(config)
    codec = Codec(registry(config.registry_url))
    feed = Feed(
        config.bootstrap,
        codec,
        config.view_folder,
        rocks(config.store_memory_mb),
        on_failure=lambda error: end(error),
    )
    health, failures = Health(), list[BaseException]()

    def end(error: BaseException) -> None:
        failures.append(error)
        _stop(server)

    silent_ms = config.screen.processor_silent_after_ms
    reads = Reads(feed.progress, catalogue, config.retention_ms, silent_ms)
    common = shared_of(config, codec, health, end)
    tls = _tls(config, health, end)
    # After everything that may raise CannotServe, and before anything that has to be closed.
    listening = _listen(config.host, config.port)
    base = address(config.host, listening, secure=tls is not None)
    spool = Spool(config.data_dir / f"{config.view_folder.name}-audit", config.screen.spool_bytes)
    topics = TopicsWatch(config.bootstrap, config.specs, health, end)
    rotation = Rotation(config.bootstrap, health, lambda: _stop(server), end)
    audit = SpoolPublisher(spool, config.bootstrap, codec, health, end)
    collectors = _collectors(config, spool, feed, common)
    parts = _parts(config, codec, reads, spool, health, topics, common, collectors)
    services = services_of(config, parts, issuers, base)
    if services.screen is None:
        logger.warning("no screen is served: FDT_OIDC_CLIENT_ID names no client at the provider")
    app = create_app(services, on_damage=feed.fail)
    mount_provider(app, config, base)
    server = _http_server(app, None if tls is None else tls.context)
    with listening, _stopped_by_signals(server):
        if on_listening is not None:
            on_listening(base)
        beside: list[Beside] = [feed, audit, topics, rotation, *common.threads]
        _run(server, listening, beside if tls is None else [*beside, tls])
    if failures:
        raise ReadSideEnded(f"The read side ended: {failures[0]}") from failures[0]
    return rotation.begin_again


def _parts(
    config: ReadSideConfig,
    codec: Codec,
    reads: Reads,
    spool: Spool,
    health: Health,
    topics: TopicsWatch,
    common: Shared,
    collectors: tuple[Collector, ...],
) -> Parts:
    """The parts that the services are built from, with their Kafka clients."""
    log = KafkaAuditLog(config.bootstrap, codec)
    publisher = KafkaPublisher(config.bootstrap, codec)
    return Parts(reads, Auditor(spool), log, publisher, health, topics, common, collectors)


def _collectors(
    config: ReadSideConfig, spool: Spool, feed: Feed, common: Shared
) -> tuple[Collector, ...]:
    """Metrics of the process: disk, store, audit spool, and the other read sides."""

    def figures() -> dict[str, Mapping[str, float]]:
        view = feed.progress.view
        return {} if view is None else {"view": view.figures()}

    heard = HeardCollector(None if common.listener is None else common.listener.heard_at)
    return SpoolCollector(spool), StoresCollector(figures), heard, *of_process(config.data_dir)


def _run(
    server: uvicorn.Server,
    listener: socket.socket,
    threads: Sequence[Beside],
) -> None:
    """Serve until the server is stopped, with the threads beside it."""
    interpreter.settle(young=50_000)
    for thread in threads:
        thread.start()
    try:
        server.run(sockets=[listener])
    finally:
        for thread in threads:
            thread.stop()


def shared_of(
    config: ReadSideConfig,
    codec: Codec,
    health: Health,
    on_end: Callable[[BaseException], None],
) -> Shared:
    """The state shared with other read sides; :class:`CannotServe` if the session keys cannot be
    used."""
    settings = config.screen
    if settings.session_keys is None:
        return Shared()
    if settings.secret is None:
        raise CannotServe(
            "FDT_SESSION_KEYS_FILE is set and FDT_SCREEN_SECRET is not: give all read sides the "
            "same FDT_SCREEN_SECRET, or a page's address at one is unknown to the next."
        )
    keys, closed_after_s = settings.session_keys, settings.idle_s
    try:
        return shared(config.bootstrap, codec, keys, health, on_end, closed_after_s)
    except UnusableKeys as error:
        raise CannotServe(str(error)) from error


def _tls(
    config: ReadSideConfig, health: Health, on_end: Callable[[BaseException], None]
) -> ListenerTls | None:
    """The listener's TLS, if configured; :class:`CannotServe` if its files cannot be used."""
    if config.tls is None:
        return None
    try:
        return ListenerTls(config.tls, health, on_end)
    except UnusableCertificate as error:
        raise CannotServe(str(error)) from error


def _http_server(app: FastAPI, context: ssl.SSLContext | None) -> uvicorn.Server:
    """Uvicorn for ``app``, without its log, header and lifespan; over TLS with a ``context``."""
    config = uvicorn.Config(
        app,
        access_log=False,
        log_config=None,
        server_header=False,
        lifespan="off",
        http="h11",  # it bounds what a request's head may take, whatever else is installed
        timeout_graceful_shutdown=GRACE_S,
    )
    config.load()
    config.ssl = context
    return uvicorn.Server(config)


def accepted_issuers(config: ReadSideConfig) -> dict[str, KeySource]:
    """Issuer -> the keys that may sign its access tokens; :class:`CannotServe` without any.

    The development key is accepted only on loopback, and never in production.
    """
    issuers: dict[str, KeySource] = {}
    if config.oidc_issuer is not None:
        issuers[config.oidc_issuer] = OidcKeys(config.oidc_issuer, ca_file=config.oidc_ca_file)
    if config.is_for_development:
        issuers[DEVELOPMENT_ISSUER] = DevelopmentKey(config.data_dir)
    if not issuers:
        raise CannotServe(
            "Nobody could sign in: name the OpenID Connect issuer (FDT_OIDC_ISSUER), or listen on "
            "127.0.0.1 with FDT_PROFILE=development."
        )
    return issuers


def address(host: str, listener: socket.socket, *, secure: bool = False) -> str:
    """The URL at which a listening socket is reached."""
    shown = f"[{host}]" if ":" in host else host
    return f"{'https' if secure else 'http'}://{shown}:{listener.getsockname()[1]}"


_HINTS: Final = {
    errno.EADDRINUSE: "another program uses it: stop that one, or set FDT_API_PORT to a free port",
    errno.EACCES: "this user may not: use a port above 1023",
    errno.EADDRNOTAVAIL: "this machine has no such address: set FDT_API_HOST to one it has",
}


def _listen(host: str, port: int) -> socket.socket:
    """A bound socket. It is made here so that a port in use raises :class:`CannotServe`; uvicorn
    would end the process.

    The protocol is given explicitly: asyncio sets TCP_NODELAY only then, and without it each answer
    waits 40 ms for an acknowledgement.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        hint = _HINTS.get(error.errno or 0, str(error))
        raise CannotServe(f"Cannot listen on {host} port {port}; {hint}.") from error
    return listener


def _stop(server: uvicorn.Server) -> None:
    server.should_exit = True


@contextmanager
def _stopped_by_signals(server: uvicorn.Server) -> Iterator[None]:
    """SIGTERM and SIGINT stop the server; everything else is then closed in order.

    uvicorn handles the signals while it runs, and raises them again afterwards.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(_: int, __: FrameType | None) -> None:
        _stop(server)

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
