"""Settings of the environment for the schema registry: its address, and our credentials.

:mod:`fdt.settings` includes them; :func:`registry` is the one place that makes a registry's client.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from runtime.access.named_file import filled, text_of
from schemas.registry import ConfluentRegistry, FileRegistry, KeptFileIds, SchemaRegistry


class RegistryAccess(BaseSettings):
    """The settings; ``pydantic.ValidationError`` names what is missing or not there."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        env_prefix="FDT_", env_ignore_empty=True, validate_by_name=True, frozen=True
    )

    schema_registry_url: str | None = Field(
        None,
        validation_alias="SCHEMA_REGISTRY_URL",
        examples=["https://registry.example"],
        description="Registry with the Confluent API; without it schema ids come from `schemas/`.",
    )
    schema_registry_user: str | None = Field(
        None, examples=["fdt-worker"], description="User of the registry (basic authentication)."
    )
    schema_registry_password_file: Path | None = Field(
        None,
        examples=["/run/secrets/registry"],
        description="File with that user's password; read again when the registry takes the old "
        "one no more.",
    )
    schema_registry_ca_file: Path | None = Field(
        None,
        examples=["/etc/fdt/ca.pem"],
        description="Certificates (PEM) that may sign the registry's; without it the system's.",
    )
    keep_file_ids: bool = Field(
        False,
        description="Records written before there was a registry, under the ids of `schemas/`, are "
        "still read (docs/how-to/registry.md).",
    )

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)

    @model_validator(mode="after")
    def _registry_complete(self) -> Self:
        url = self.schema_registry_url
        for name in (
            "schema_registry_user",
            "schema_registry_password_file",
            "schema_registry_ca_file",
            "keep_file_ids",
        ):
            if getattr(self, name) and not url:
                raise ValueError(f"FDT_{name.upper()} is set and SCHEMA_REGISTRY_URL is not")
        if (self.schema_registry_user is None) != (self.schema_registry_password_file is None):
            raise ValueError(
                "FDT_SCHEMA_REGISTRY_USER and FDT_SCHEMA_REGISTRY_PASSWORD_FILE come together: set "
                "both"
            )
        if self.schema_registry_password_file is not None:
            filled("FDT_SCHEMA_REGISTRY_PASSWORD_FILE", self.schema_registry_password_file)
        if self.schema_registry_ca_file is not None:
            text_of("FDT_SCHEMA_REGISTRY_CA_FILE", self.schema_registry_ca_file)
        if url and self.schema_registry_user and not url.startswith("https://"):
            raise ValueError(
                "FDT_SCHEMA_REGISTRY_USER is set and SCHEMA_REGISTRY_URL is not https: the "
                "password would be there for all to read"
            )
        return self

    def of_client(self) -> dict[str, str]:
        """Settings of the registry's client; ``ValueError`` for a password that cannot be read."""
        found: dict[str, str] = {}
        user, path = self.schema_registry_user, self.schema_registry_password_file
        if user is not None and path is not None:
            password = text_of("FDT_SCHEMA_REGISTRY_PASSWORD_FILE", path)
            found["basic.auth.user.info"] = f"{user}:{password}"
        if self.schema_registry_ca_file is not None:
            found["ssl.ca.location"] = str(self.schema_registry_ca_file)
        return found


def registry(url: str | None) -> SchemaRegistry:
    """The registry at ``url``, or the files when there is none."""
    if url is None:
        return FileRegistry()
    access = RegistryAccess(schema_registry_url=url)
    found = ConfluentRegistry(url, access.of_client)
    return KeptFileIds(found) if access.keep_file_ids else found
