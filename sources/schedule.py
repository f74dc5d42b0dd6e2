"""Maps the virtual time of a plan to the wall clock, at any speed.

The plan's horizon (40 virtual hours) ends when the simulation ends. Events keep their virtual
distances as event times, counted back from that end; publication is faster by ``speed``. So

    occurred_at = base + virtual
    published   = start + publish_virtual / speed,   start = base + horizon - horizon / speed

and an event with a right clock reaches the broker 0 to 40 hours after it occurred, at any speed:
never from the future, never two days old.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final, Self

from sources.planning.events import PlannedEvent
from sources.planning.vocabulary import HOUR_MS

HORIZON_MS: Final = 40 * HOUR_MS
"""Virtual events occur from 0 to here."""
LAST_PUBLICATION_MS: Final = 44 * HOUR_MS
"""First publications are planned up to here, well before the two days of a wrong clock."""
SLOWEST: Final = 1.0
FASTEST: Final = 1_000_000.0


@dataclass(frozen=True, slots=True)
class Schedule:
    """``base_ms``: wall-clock ms of virtual zero; ``rate``: most records a second, all sources."""

    base_ms: int
    speed: float
    rate: float | None = None

    def __post_init__(self) -> None:
        if not SLOWEST <= self.speed <= FASTEST:
            raise ValueError(f"speed is {self.speed:g}; use {SLOWEST:g} to {FASTEST:g}")
        if self.rate is not None and not self.rate > 0:
            raise ValueError(
                f"rate is {self.rate:g}; use records a second above 0, or leave it out"
            )

    @classmethod
    def starting(cls, start_ms: int, speed: float, rate: float | None = None) -> Self:
        """The schedule whose first publication is due at ``start_ms`` by the wall clock."""
        return cls(round(start_ms - _squeezed_away(speed)), speed, rate)

    @property
    def start_ms(self) -> float:
        """Wall-clock milliseconds of the first publication."""
        return self.base_ms + _squeezed_away(self.speed)

    def due_ms(self, publish_ms: int, ordinal: int) -> float:
        """Wall-clock milliseconds at which the ``ordinal``-th publication of the plan is due.

        The ordinal counts over all sources: so their common rate is exact without communication.
        """
        due = publish_ms / self.speed
        if self.rate is not None:
            due = max(due, ordinal * 1000 / self.rate)
        return self.start_ms + due

    def occurred_at(self, event: PlannedEvent, ordinal: int) -> int:
        """``occurred_at`` in wall-clock ms of an event first published as the ``ordinal``-th."""
        if event.skew_ms is None:
            return self.base_ms + event.occurred_ms
        return round(self.due_ms(event.publish_ms, ordinal)) + event.skew_ms


def _squeezed_away(speed: float) -> float:
    return HORIZON_MS - HORIZON_MS / speed


def wall_ms() -> float:
    """The wall clock, in milliseconds since 1970 UTC."""
    return time.time() * 1000
