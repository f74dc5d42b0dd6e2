"""Registers the published schemas in the registry of the settings, for ``fdt registry`` and ``fdt
up``."""

from __future__ import annotations

from fdt.errors import RunFailed, UserError
from fdt.settings import Settings
from schemas.registration import Registered, register_all
from schemas.registry import ConfluentRegistry, Incompatible, RegistryUnavailable


def ensure_schemas(settings: Settings) -> list[Registered]:
    """Register every version of every record, where it is not registered yet.

    Raises :class:`~fdt.errors.UserError` where there is no registry, and
    :class:`~fdt.errors.RunFailed` where it refuses a schema.
    """
    if settings.schema_registry_url is None:
        raise UserError("SCHEMA_REGISTRY_URL is not set: name the registry.")
    registry = ConfluentRegistry(settings.schema_registry_url, settings.of_client)
    try:
        return register_all(registry)
    except RegistryUnavailable as error:
        raise UserError(f"The schema registry does not answer: {error}.") from error
    except Incompatible as error:
        raise RunFailed(
            f"The registry refuses a published schema: {error}. Somebody registered another one "
            "under the same subject: delete that version."
        ) from error
    finally:
        registry.close()
