"""Checks the settings: unknown ones, values that cannot be used, contradictions to the profile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fdt.doctor.findings import Asked, Finding, failure, ok, warning
from fdt.errors import UserError
from fdt.settings import Settings, unknown_variables, variable

_MEND = "Correct the environment; 'fdt settings' lists what there is (docs/settings.md)"
_OTHERS = 0o077


def in_force() -> tuple[Settings | None, list[Finding]]:
    """The settings, if they can be used; else the reasons, with every unknown name."""
    if unknown := unknown_variables():
        return None, [failure(sentence, _MEND) for sentence in unknown]
    try:
        return Settings(), []
    except UserError as error:
        return None, [failure(str(error), _MEND)]


def fitting(asked: Asked) -> Iterator[Finding]:
    """Warnings about settings that are valid, and still a mistake."""
    settings = asked.settings
    found = [*_unprotected(settings), *_readable_secrets(settings)]
    yield from found
    if not found:
        yield ok(f"All can be used together; the profile is {settings.profile}")


def _unprotected(settings: Settings) -> Iterator[Finding]:
    if settings.log_device_ids == "hashed" and settings.log_key_file is None:
        yield warning(
            "Device identifiers are hashed in the log, and FDT_LOG_KEY_FILE is not set: the same "
            "device has another name in each process",
            "Name one key file for all programs (docs/how-to/logs.md)",
        )
    if settings.profile != "production":
        return
    if settings.kafka_security_protocol == "PLAINTEXT":
        yield warning(
            "The profile is production, and Kafka is reached without TLS and password",
            "Set FDT_KAFKA_SECURITY_PROTOCOL (docs/how-to/secure-kafka.md)",
        )
    if settings.replication == 1:
        yield warning(
            "The profile is production, and FDT_REPLICATION is 1: a broker's disk is the only copy",
            "Use three brokers and FDT_REPLICATION=3",
        )
    if settings.oidc_client_id and not settings.public_url:
        yield warning(
            "The screen signs in at a provider, and FDT_PUBLIC_URL is not set: browsers are sent "
            "back to where the read side listens",
            "Set FDT_PUBLIC_URL to the address that browsers use",
        )


def _readable_secrets(settings: Settings) -> Iterator[Finding]:
    """Key and password files that every user of the machine may read."""
    for name in type(settings).model_fields:
        path = getattr(settings, name)
        secret = name.endswith(("_key_file", "_password_file", "_secret_file"))
        if secret and isinstance(path, Path) and path.stat().st_mode & _OTHERS:
            yield warning(
                f"{variable(name)} is {path}, which others than its owner may read",
                f"chmod 600 {path}, as the user that runs the program",
            )
