"""``fdt serve``: the read side, until told to end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import typer

from fdt.errors import RunFailed, UserError, of_system
from fdt.processes.malloc import keep_malloc_small
from fdt.settings import Settings
from fdt.times import duration_ms
from runtime.access.secret_files import secret
from runtime.again import begin_again

if TYPE_CHECKING:
    from query_api.assembly import ReadSideConfig
    from query_api.web.listener_tls import CertificateFiles


SIGNS_MISSED: Final = 3
"""Control records that may be missing before a processor counts as silent."""


def serve() -> None:
    """Keep a view of the status topic and answer queries over HTTP, until told to end."""
    from projections.catalogue import BadCatalogue
    from query_api.server import CannotServe, ReadSideEnded, run
    from runtime.alone import NotAlone

    keep_malloc_small()
    config = read_side_config(Settings())
    try:
        if run(config, on_listening=lambda url: typer.echo(f"Read side on {url}")):
            begin_again()
    except (CannotServe, BadCatalogue, NotAlone) as error:
        raise UserError(str(error)) from error
    except ReadSideEnded as error:
        raise RunFailed(str(error)) from error
    except OSError as error:
        raise of_system(error) from error


def read_side_config(settings: Settings) -> ReadSideConfig:
    """The config of a read side with these settings; :class:`~fdt.errors.UserError` without a
    broker."""
    from fdt.kafka.topics import specs_of
    from fdt.up.development_users import people
    from query_api.assembly import ReadSideConfig, ScreenConfig
    from query_api.identity.access_tokens import Claims

    screen = ScreenConfig(
        client_id=settings.oidc_client_id,
        client_secret=secret(settings.oidc_client_secret, settings.oidc_client_secret_file),
        public_url=settings.public_url,
        secret=secret(settings.screen_secret, settings.screen_secret_file),
        session_keys=settings.session_keys_file,
        idle_s=settings.session_idle.total_seconds(),
        absolute_s=settings.session_absolute.total_seconds(),
        silent_after_ms=duration_ms(settings.source_silent_after),
        processor_silent_after_ms=SIGNS_MISSED * duration_ms(settings.idle_control_interval),
        searches_per_minute=settings.searches_per_minute,
        downloads_per_minute=settings.downloads_per_minute,
        spool_bytes=settings.audit_spool_mb << 20,
        people=people(),
    )
    return ReadSideConfig(
        bootstrap=settings.require_brokers(),
        data_dir=settings.data_dir,
        view_folder=settings.data_dir / settings.read_view_name,
        host=settings.api_host,
        port=settings.api_port,
        profile=settings.profile,
        retention_ms=duration_ms(settings.retention),
        oidc_audience=settings.oidc_audience,
        oidc_issuer=settings.oidc_issuer,
        oidc_ca_file=settings.oidc_ca_file,
        claims=Claims(settings.oidc_user_ids_claim, settings.oidc_roles_claim),
        page_limit=settings.page_limit,
        screen=screen,
        store_memory_mb=settings.store_memory_mb,
        catalogue_path=settings.catalogue_path,
        registry_url=settings.schema_registry_url,
        specs=tuple(specs_of(settings)),
        tls=_certificate(settings),
    )


def _certificate(settings: Settings) -> CertificateFiles | None:
    """Certificate and key with which the read side speaks TLS itself, if it does."""
    from query_api.web.listener_tls import CertificateFiles

    if settings.api_certificate_file is None or settings.api_key_file is None:
        return None
    return CertificateFiles(settings.api_certificate_file, settings.api_key_file)
