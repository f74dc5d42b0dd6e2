"""The registry of journeys, by the name of the function that writes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sources.planning.script import Script

Writer = Callable[[Script], None]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of journey; ``weight`` says how often it is drawn among those that are not happy."""

    name: str
    weight: float
    write: Writer


KINDS: Final[dict[str, Kind]] = {}


def journey(weight: float = 1.0) -> Callable[[Writer], Writer]:
    """Registers a journey under its function's name, with hyphens."""

    def register(write: Writer) -> Writer:
        name = write.__name__.replace("_", "-")
        if name in KINDS:
            raise ValueError(f"two journeys are called {name}")
        KINDS[name] = Kind(name, weight, write)
        return write

    return register
