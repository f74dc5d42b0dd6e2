"""Registers the published schemas; only ``fdt registry`` and ``fdt up`` call it.

Other programs only look ids up. If they registered what a registry has lost, they would get ids
that mean something else once the registry is restored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from schemas.registry import ConfluentRegistry, listed, two_meanings

LEVEL: Final = "BACKWARD_TRANSITIVE"
"""A new version must read what all earlier ones wrote: the processor needs this of its
publishers."""


@dataclass(frozen=True, slots=True)
class Registered:
    """One version of one record."""

    record: str
    subject: str
    file_id: int
    registry_id: int
    two_meanings: bool
    """Whether the file's id means another schema of the same record in the registry."""


def register_all(registry: ConfluentRegistry) -> list[Registered]:
    """Every version of every record, older ones first; the registry then guards their subjects.

    In the order of the files' ids, so that an empty registry gives the same ones. What is
    registered already keeps its id. Raises :class:`~schemas.registry.Incompatible` or
    :class:`~schemas.registry.RegistryUnavailable`.
    """
    ids = {n: registry.register(subject, schema) for n, (subject, schema) in listed().items()}
    for subject in sorted({subject for subject, _ in listed().values()}):
        registry.guard(subject, LEVEL)
    return [
        Registered(schema["name"], subject, n, ids[n], two_meanings(registry, n))
        for n, (subject, schema) in listed().items()
    ]
