"""What the doctor finds now, for tests that plant a fault."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from fdt.doctor.table import examined

NOT_WELL: Final = ("warning", "failure")
UNANSWERED: Final = [("read-side", "warning")]
"""No read side runs in these tests."""


class Report:
    """Everything that is found now; whatever is not well says how to mend it."""

    def __init__(self) -> None:
        self.found = list(examined())
        self.not_well = [
            (name, one.state)
            for name, one in self.found
            if one.state in NOT_WELL and (name, one.state) not in UNANSWERED
        ]
        assert all(one.mend for _, one in self.found if one.state in NOT_WELL)

    def said(self, check: str) -> str:
        """Everything a check says."""
        return " ".join(f"{one.found} {one.mend}" for name, one in self.found if name == check)


def state(check: str) -> str:
    """How the first finding of a check is."""
    return next(one.state for name, one in examined() if name == check)


def wait_until(so: Callable[[], bool]) -> None:
    """A broker that has just begun, or has just made a topic, does not answer everything yet."""
    deadline = time.monotonic() + 60
    while not so():
        assert time.monotonic() < deadline
        time.sleep(0.2)
