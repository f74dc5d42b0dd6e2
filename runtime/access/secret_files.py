"""Settings of the environment that name files with secrets and certificates of the read side.

:mod:`fdt.settings` includes them. A container gets a secret as a file, because whoever may inspect
a container sees its variables. A file is read when a program starts.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Final, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from runtime.access.named_file import filled

LEAST_CHARACTERS: Final = 32
"""Least length of a secret from which keys are derived."""
_TWINS: Final = {
    "oidc_client_secret_file": "oidc_client_secret",
    "screen_secret_file": "screen_secret",
}
"""File -> the setting that holds the secret itself."""


class SecretFiles(BaseSettings):
    """The settings; ``pydantic.ValidationError`` names what is missing, empty or said twice."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        env_prefix="FDT_", env_ignore_empty=True, frozen=True
    )

    oidc_ca_file: Path | None = Field(
        None,
        examples=["/etc/fdt/ca.pem"],
        description="Certificates (PEM) that may sign the identity provider's; without it those "
        "that browsers trust.",
    )
    oidc_client_secret_file: Path | None = Field(
        None,
        examples=["/run/secrets/oidc-client"],
        description="File with the screen's secret at the identity provider, instead of "
        "`FDT_OIDC_CLIENT_SECRET`; a program is started again when it changes.",
    )
    screen_secret_file: Path | None = Field(
        None,
        examples=["/run/secrets/screen"],
        description="File with what else is `FDT_SCREEN_SECRET`.",
    )

    @model_validator(mode="after")
    def _files_there(self) -> Self:
        for name in ("oidc_ca_file", *_TWINS):
            path: Path | None = getattr(self, name)
            if path is not None:
                filled(f"FDT_{name.upper()}", path)
        for name, twin in _TWINS.items():
            if getattr(self, name) is not None and getattr(self, twin, None) is not None:
                raise ValueError(
                    f"FDT_{twin.upper()} and FDT_{name.upper()} are both set: leave one out"
                )
        if self.screen_secret_file is not None:
            try:
                require_long(secret_in(self.screen_secret_file))
            except ValueError as error:
                raise ValueError(f"FDT_SCREEN_SECRET_FILE cannot be used: {error}") from None
        return self


def secret_in(path: Path) -> str:
    """What stands in a secret's file, without the end of its line."""
    return path.read_text(encoding="utf-8").strip()


def secret(given: SecretStr | None, path: Path | None) -> str | None:
    """The secret that was given, or that stands in ``path``."""
    if path is not None:
        return secret_in(path)
    return None if given is None else given.get_secret_value()


def require_long(text: str) -> None:
    """``ValueError`` for a secret that is too short."""
    if len(text) < LEAST_CHARACTERS:
        raise ValueError(f"a secret has {LEAST_CHARACTERS} characters or more")
