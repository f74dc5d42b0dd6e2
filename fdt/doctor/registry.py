"""Checks the schema registry: whether it answers, has our schemas, and guards them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fdt.doctor.findings import Asked, Finding, failure, not_configured, ok, warning
from schemas.registration import LEVEL
from schemas.registry import ConfluentRegistry, RegistryUnavailable, listed, two_meanings

_GUARDS: Final = (LEVEL, "FULL_TRANSITIVE")


def looked_at(asked: Asked) -> Iterator[Finding]:
    """Check every version of every record."""
    url = asked.settings.schema_registry_url
    if url is None:
        yield not_configured("No registry: schema ids come from schemas/")
        return
    registry = ConfluentRegistry(url, asked.settings.of_client)
    try:
        found = [*_missing(registry), *_unguarded(registry)]
        if asked.settings.keep_file_ids:
            found += _two_meanings(registry)
    except RegistryUnavailable as error:
        found = [
            failure(
                str(error),
                "Start it, or correct SCHEMA_REGISTRY_URL and FDT_SCHEMA_REGISTRY_… "
                "(docs/how-to/registry.md)",
            )
        ]
    finally:
        registry.close()
    yield from found or [ok(f"{url} has our {len(listed())} schemas and guards them ({LEVEL})")]


def _missing(registry: ConfluentRegistry) -> Iterator[Finding]:
    lost = [schema["name"] for s, schema in listed().values() if not registry.has(s, schema)]
    if lost:
        yield failure(
            f"The registry lacks schemas of {', '.join(sorted(set(lost)))}",
            "Restore it if it had them; else run 'fdt registry', which registers them",
        )


def _unguarded(registry: ConfluentRegistry) -> Iterator[Finding]:
    subjects = sorted({subject for subject, _ in listed().values()})
    for subject in subjects:
        level = registry.level_of(subject)
        if level not in _GUARDS:
            yield warning(
                f"The subject {subject} is guarded by {level or 'nothing'}, not by {LEVEL}",
                "Run 'fdt registry', which sets it: else somebody can register what the processor "
                "cannot read",
            )


def _two_meanings(registry: ConfluentRegistry) -> list[Finding]:
    return [
        failure(
            f"Schema id {schema_id} means one thing in the files and another in the registry",
            "Register the schema anew so that it has an id of its own (docs/how-to/registry.md)",
        )
        for schema_id in listed()
        if two_meanings(registry, schema_id)
    ]
