"""Settings of the environment for TLS on the read side's own listener.

:mod:`fdt.settings` includes them; :mod:`query_api.web.listener_tls` reads the files, at the start
and whenever they change.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class ListenerFiles(BaseSettings):
    """The settings; ``pydantic.ValidationError`` where one is missing."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        env_prefix="FDT_", env_ignore_empty=True, frozen=True
    )

    api_certificate_file: Path | None = Field(
        None,
        examples=["/etc/fdt/read-side.pem"],
        description="Certificate (PEM, with what leads to its authority) with which the read side "
        "speaks TLS itself; read again when it changes.",
    )
    api_key_file: Path | None = Field(
        None,
        examples=["/etc/fdt/read-side.key"],
        description="Its private key (PEM, not encrypted).",
    )

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.api_certificate_file is None) != (self.api_key_file is None):
            raise ValueError(
                "FDT_API_CERTIFICATE_FILE and FDT_API_KEY_FILE come together: set both"
            )
        return self
