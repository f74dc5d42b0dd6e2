"""Settings of the environment for the log, which every program has.

:mod:`fdt.settings` includes them; :mod:`runtime.logs.program` begins a log with them before
anything else is done.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from runtime.access.named_file import filled_bytes

JSON: Final = "json"
_FORMAT_VARIABLE: Final = "FDT_LOG_FORMAT"


class LogSettings(BaseSettings):
    """The settings; ``pydantic.ValidationError`` names what is missing or not there."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        env_prefix="FDT_", env_ignore_empty=True, frozen=True
    )

    log_format: Literal["console", "json"] = Field(
        "console",
        description="console: lines for people; json: one JSON object an event, and nothing else "
        "on either output of a program that stays (docs/how-to/logs.md).",
    )
    log_level: Literal["debug", "info", "warning", "error"] | None = Field(
        None,
        examples=["info"],
        description="The least grave that is logged; without it info of programs that stay, and "
        "warning or error of commands that end.",
    )
    log_device_ids: Literal["plain", "hashed"] = Field(
        "plain",
        description="hashed: every EUI-64 in the log is a pseudonym, the same for the same device.",
    )
    log_key_file: Path | None = Field(
        None,
        examples=["/run/secrets/log-key"],
        description="File with the key of those pseudonyms, the same for all programs; without it "
        "each process makes one of its own.",
    )

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)

    @model_validator(mode="after")
    def _log_complete(self) -> Self:
        if self.log_key_file is not None and self.log_device_ids != "hashed":
            raise ValueError(
                "FDT_LOG_KEY_FILE is set and FDT_LOG_DEVICE_IDS is plain, which does not use it: "
                "set FDT_LOG_DEVICE_IDS=hashed, or leave the other out"
            )
        self.log_key()
        return self

    def log_key(self) -> bytes | None:
        """The key of the pseudonyms, if one is named, without white space around it; ``ValueError``
        for a file that is missing, empty or cannot be read."""
        path = self.log_key_file
        return None if path is None else filled_bytes("FDT_LOG_KEY_FILE", path)

    def least(self, usual: int) -> int:
        """The level that is set, or else ``usual``, as :mod:`logging` numbers them."""
        if self.log_level is None:
            return usual
        return logging.getLevelNamesMapping()[self.log_level.upper()]


def usable() -> LogSettings:
    """The settings of the environment. Where they are invalid only the format counts: the check of
    all settings reports the error next, in that format."""
    try:
        return LogSettings()
    except ValidationError:
        form = JSON if os.environ.get(_FORMAT_VARIABLE) == JSON else "console"
        return LogSettings.model_construct(log_format=form, log_device_ids="hashed")
