"""The settings of every command, from the environment: typed, described and checked in one place.

``fdt settings`` prints them, and ``docs/settings.md`` is made from them.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import NoDecode, SettingsConfigDict

from fdt.errors import UserError
from runtime.access.kafka_security import KafkaSecurity
from runtime.access.listener_files import ListenerFiles
from runtime.access.schema_registry import RegistryAccess
from runtime.access.secret_files import SecretFiles, require_long
from runtime.logs.log_settings import LogSettings
from storage.store import MEMORY_MB

PREFIX: Final = "FDT_"
DEVICE_TYPES: Final = ("ESME", "GSME", "PPMID", "HCALCS")
"""Every type that may be tracked; Communications Hubs, Type 2 devices and SMETS1 never are."""
_MARKDOWN_HEAD: Final = """\
# Settings

All of them come from the environment. Durations are ISO 8601 (`P30D`, `PT10S`) or a number of
seconds. `fdt settings` prints what is in force, with secrets hidden; this page is made by
`fdt settings --markdown`.
"""
HIDDEN: Final = "********"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_NUMBER = re.compile(r"\s*\d+(\.\d+)?\s*")
_URL_PASSWORD = re.compile(r"(?<=//)([^/@:]*):[^/@]*@")


def _seconds(value: Any) -> Any:
    """A bare number as seconds; pydantic itself reads ISO 8601 such as ``P30D``."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return timedelta(seconds=float(value))
    return value


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("a duration is above zero")
    return value


def _split(value: Any) -> Any:
    """``ESME,GSME`` as a tuple."""
    if isinstance(value, str):
        return tuple(part.strip().upper() for part in value.split(",") if part.strip())
    return value


def _eligible(value: tuple[str, ...]) -> tuple[str, ...]:
    unknown = [name for name in value if name not in DEVICE_TYPES]
    if unknown or not value:
        raise ValueError(f"only {', '.join(DEVICE_TYPES)} are tracked")
    return value


def _plain_name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("a name is up to 100 letters, digits, dots, hyphens and underscores")
    return value


def _long_secret(value: SecretStr | None) -> SecretStr | None:
    if value is not None:
        require_long(value.get_secret_value())
    return value


Duration = Annotated[timedelta, BeforeValidator(_seconds), AfterValidator(_positive)]
Count = Annotated[int, Field(ge=1)]
Name = Annotated[str, AfterValidator(_plain_name)]
"""Fit for a folder, a Kafka group instance and a transactional id."""
Port = Annotated[int, Field(ge=1, le=65535)]


class Settings(SecretFiles, KafkaSecurity, RegistryAccess, ListenerFiles, LogSettings):
    """Everything that can be set; :class:`~fdt.errors.UserError` for a value that cannot be
    used."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        validate_by_name=True,
        validate_by_alias=True,
        frozen=True,
    )

    profile: Literal["development", "production"] = Field(
        "development",
        description="development signs its own access tokens and may start its own broker; "
        "production does neither.",
    )
    data_dir: Path = Field(Path(".fdt"), description="Folder of all local state.")
    kafka_bootstrap_servers: str | None = Field(
        None,
        validation_alias="KAFKA_BOOTSTRAP_SERVERS",
        examples=["broker-1:9092,broker-2:9092"],
        description="Addresses of the Kafka brokers; without it a local broker is started.",
    )
    partitions: Count = Field(4, description="Partitions of every topic; fixed once they exist.")
    replication: Count = Field(1, description="Copies of every topic over the brokers.")
    event_retention: Duration = Field(
        timedelta(days=400), description="How long the event topics keep a record."
    )
    dead_letter_retention: Duration = Field(
        timedelta(days=90), description="How long a dead letter is kept."
    )
    audit_retention: Duration = Field(
        timedelta(days=400), description="How long an audit entry is kept."
    )
    retention: Duration = Field(
        timedelta(days=30),
        description="How long an item stays tracked after its status last changed.",
    )
    group_id: Name = Field("firmware-tracking", description="Consumer group of the processor.")
    worker_name: Name = Field(
        "worker-0",
        description="Name of this processor among its group: its static membership and its folder.",
    )
    rules: Literal["compiled", "plain"] = Field(
        "compiled",
        description="compiled: the fold as a C extension where one was built (`make compiled`), "
        "else as Python; plain: as Python in any case.",
    )
    max_batch_records: Count = Field(16_000, description="Most records folded in one transaction.")
    session_timeout: Duration = Field(
        timedelta(seconds=10),
        description="Silence after which a worker's partitions are given away.",
    )
    commit_interval: Duration = Field(
        timedelta(seconds=1), description="Time between commits to the consumer group."
    )
    idle_control_interval: Duration = Field(
        timedelta(seconds=60), description="Time between control records of an idle partition."
    )
    processor_host: str = Field(
        "127.0.0.1", description="Where a processor serves /healthz, /readyz and /metrics."
    )
    processor_port: Annotated[int, Field(ge=0, le=65535)] = Field(
        0,
        description="Port of the same; 0 takes a free one, which the log names. Of several workers "
        "the next ones take the ports that follow.",
    )
    stall_timeout: Duration = Field(
        timedelta(minutes=2),
        description="A processor that does not move for this long, with events to read, ends.",
    )
    least_free_mb: Annotated[int, Field(ge=0)] = Field(
        64, description="Free disk space below which a processor takes no more events, in MiB."
    )
    clock_skew_past: Duration = Field(
        timedelta(days=2),
        description="An event time further than this before its received time is not believed.",
    )
    device_types: Annotated[
        tuple[str, ...], NoDecode, BeforeValidator(_split), AfterValidator(_eligible)
    ] = Field(("ESME", "GSME"), description=f"Types tracked, out of {', '.join(DEVICE_TYPES)}.")
    timeline_cap: Count = Field(
        200,
        description="Records kept whole for each item, and of each device's Comms Hub; past that, "
        "what changes the answer is kept and the rest counted.",
    )
    catalogue_path: Path | None = Field(
        None,
        examples=["catalogue.toml"],
        description="Code catalogue to use instead of the one that comes with the project.",
    )
    api_host: str = Field("127.0.0.1", description="Address that the read side listens on.")
    api_port: Port = Field(8080, description="Port that the read side listens on.")
    oidc_issuer: str | None = Field(
        None,
        examples=["https://idp.example/realms/ssi"],
        description="Issuer of the access tokens (OpenID Connect); required in production.",
    )
    oidc_audience: str = Field("firmware-tracking", description="Audience an access token names.")
    oidc_user_ids_claim: str = Field(
        "user_ids", description="Claim with the organisation's User IDs (EUI-64s)."
    )
    oidc_roles_claim: str = Field("roles", description="Claim with the user's roles.")
    oidc_client_id: str | None = Field(
        None,
        examples=["fdt-screen"],
        description="How the screen is known at the identity provider; without it the screen has "
        "the development sign-in, and none in production.",
    )
    oidc_client_secret: SecretStr | None = Field(
        None, description="The screen's secret at the identity provider, if it has one."
    )
    public_url: str | None = Field(
        None,
        examples=["https://ssi.example"],
        description="Where browsers find the screen, if not where the read side listens.",
    )
    screen_secret: Annotated[SecretStr | None, AfterValidator(_long_secret)] = Field(
        None,
        description="Secret of 32 characters or more by which page addresses are sealed, the same "
        "for all instances; without it one is made in the data folder.",
    )
    session_keys_file: Path | None = Field(
        None,
        examples=["/run/secrets/session-keys"],
        description="File of secrets, one of 32 characters or more a line, by which read sides "
        "share sessions and limits: the first seals, all open. Without it a read side has its "
        "sessions for itself, and forgets them when it ends.",
    )
    session_idle: Duration = Field(
        timedelta(minutes=30), description="Time without activity after which a user signs in anew."
    )
    session_absolute: Duration = Field(
        timedelta(hours=8), description="Time after which a user signs in anew in any case."
    )
    source_silent_after: Duration = Field(
        timedelta(hours=1),
        description="Silence of a source or CSP region that the screen speaks of.",
    )
    searches_per_minute: Count = Field(120, description="Most look-ups of one user in a minute.")
    downloads_per_minute: Count = Field(10, description="Most downloads of one user in a minute.")
    audit_spool_mb: Count = Field(
        64,
        description="Room for audit entries while the broker is away, in MiB; when it is used up, "
        "nothing is answered.",
    )
    page_limit: Annotated[int, Field(ge=1, le=500)] = Field(
        500, description="Most items in one page of an answer."
    )
    read_view_name: Name = Field(
        "view-0", description="Name of this read side's view, and of its folder."
    )
    store_memory_mb: Count = Field(
        MEMORY_MB,
        description="Memory of all RocksDB databases of one process together, in MiB: block cache "
        "and memtables.",
    )
    kafka_heap_mb: Annotated[int, Field(ge=128)] = Field(
        512, description="Java heap of the local broker, in MiB."
    )

    def __init__(self, **values: Any) -> None:
        if unknown := unknown_variables():
            raise UserError(unknown[0])
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise UserError("; ".join(map(_sentence, error.errors()))) from None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.event_retention < self.retention:
            raise ValueError(
                "FDT_EVENT_RETENTION is shorter than FDT_RETENTION, so the table could not be "
                "rebuilt from the events: make it at least as long"
            )
        if self.profile == "production" and self.kafka_bootstrap_servers is None:
            raise ValueError(
                "FDT_PROFILE is production and KAFKA_BOOTSTRAP_SERVERS is not set: "
                "name the brokers, for example broker-1:9092,broker-2:9092"
            )
        return self

    def require_brokers(self) -> str:
        """The brokers' addresses; :class:`~fdt.errors.UserError` where none are named."""
        if self.kafka_bootstrap_servers is None:
            raise UserError(
                "KAFKA_BOOTSTRAP_SERVERS is not set: name the brokers, for example 127.0.0.1:9092, "
                "or start one with fdt broker."
            )
        return self.kafka_bootstrap_servers

    def environment(self) -> dict[str, str]:
        """The variables that give another process these very settings."""
        values = ((name, getattr(self, name)) for name in type(self).model_fields)
        return {variable(name): _text(value) for name, value in values if value is not None}


def variable(field: str) -> str:
    """Name of the environment variable of a field."""
    alias = Settings.model_fields[field].validation_alias
    return alias if isinstance(alias, str) else PREFIX + field.upper()


def listing(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """(variable, value, description) of every setting, with secrets hidden."""
    for name, field in Settings.model_fields.items():
        yield variable(name), _shown(getattr(settings, name)), field.description or ""


def markdown() -> str:
    """The text of ``docs/settings.md``: every variable with its default."""
    rows = [_MARKDOWN_HEAD, "| Variable | Default | What it does |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = _shown(field.default)
        rows.append(
            f"| `{variable(name)}` | {f'`{default}`' if default else ''} | {field.description} |"
        )
    return "\n".join(rows) + "\n"


def _shown(value: Any) -> str:
    """For people: secrets hidden, the password of a URL too."""
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return HIDDEN
    return _URL_PASSWORD.sub(rf"\1:{HIDDEN}@", _text(value))


def _text(value: Any) -> str:
    """As it would be written in the environment."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, timedelta):
        return _iso_8601(value)
    if isinstance(value, tuple):
        return ",".join(value)
    return str(value)


def _iso_8601(value: timedelta) -> str:
    """``P30D``, ``PT8H`` or ``P1DT12H``: the units that say something, and no others."""
    hours, rest = divmod(value - timedelta(value.days), timedelta(hours=1))
    minutes, seconds = divmod(rest, timedelta(minutes=1))
    left = f"{seconds.total_seconds():f}".rstrip("0").rstrip(".")
    of_day = [(hours, f"{hours}H"), (minutes, f"{minutes}M"), (seconds, f"{left}S")]
    time = "".join(text for number, text in of_day if number)
    return "P" + (f"{value.days}D" if value.days else "") + (f"T{time}" if time else "")


def _sentence(error: ErrorDetails) -> str:
    """The sentence for one error of pydantic: the variable, its value, and one that would do."""
    if not error["loc"]:
        return _reason(error)
    name = _field(str(error["loc"][0]))
    if name is None:
        return f"There is no setting {error['loc'][0]!r}"
    field = Settings.model_fields[name]
    given = HIDDEN if field.annotation is SecretStr else _shown(error["input"])
    return (
        f"{variable(name)} is {given!r}, which cannot be used: {_reason(error)}; "
        f"use for example {_example(field)}"
    )


def _reason(error: ErrorDetails) -> str:
    reason = error["msg"].removeprefix("Value error, ")
    if error["type"] == "time_delta_parsing":
        return "a duration is ISO 8601 such as P30D or PT10S, or a number of seconds"
    return reason.replace("Input should", "it should")


def _field(loc: str) -> str | None:
    """pydantic names a field by its alias, where it has one."""
    for name in Settings.model_fields:
        if loc in (name, variable(name)):
            return name
    return None


def _example(field: FieldInfo) -> str:
    return str(field.examples[0]) if field.examples else _text(field.default)


def unknown_variables() -> list[str]:
    """A sentence for each variable that looks like a setting and is none: a misspelt setting would
    otherwise silently keep its default."""
    known = [variable(name) for name in Settings.model_fields]
    sentences = []
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else "fdt settings lists those there are."
            sentences.append(f"There is no setting {name}: {hint}")
    return sentences
