"""Waits until the read side shows what the plan says; and columns for what differs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from fdt.report import Column
from fdt.up.plan_check import Difference, ReadSideAway, differences
from fdt.up.simulation import Simulation
from firmware_tracking_client import AuthenticatedClient
from sources.planning.plan import Plan

UNCHANGED_SECONDS: Final = 20.0
"""Seconds without a change after which differences are final."""
DIFFERENCES_SHOWN: Final = 20

COLUMNS: Final[tuple[Column[Difference], ...]] = (
    Column("Request", lambda found: found.request_id),
    Column("Device", lambda found: found.device_id),
    Column("What", lambda found: found.what),
    Column("The plan says", lambda found: found.expected, prose=True),
    Column("Shown", lambda found: found.shown, prose=True),
)

_CHECK_SECONDS: Final = 2.0


class Check:
    """The comparison with the plan, repeated until nothing differs or nothing changes."""

    def __init__(
        self,
        client: AuthenticatedClient,
        plan: Plan,
        simulation: Simulation,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._plan = plan
        self._base_ms = simulation.base_ms
        self._clock = clock
        self._due = self._changed = clock()
        self.found: list[Difference] = [Difference("", "", "read side", "an answer", "none yet")]

    def over(self) -> bool:
        """Whether nothing differs, or nothing changes."""
        if self._clock() < self._due:
            return False
        try:
            found = differences(self._client, self._plan, self._base_ms)
        except ReadSideAway as away:
            found = [Difference("", "", "read side", "an answer", str(away))]
        if found != self.found:
            self.found, self._changed = found, self._clock()
        self._due = self._clock() + _CHECK_SECONDS
        return not found or self._clock() - self._changed >= UNCHANGED_SECONDS


def first(found: list[Difference]) -> list[Difference]:
    """The first of them, for people; the sentence after them says how many there are."""
    return found[:DIFFERENCES_SHOWN]
