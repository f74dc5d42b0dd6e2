"""The table of all checks, and how they run: side by side, each with a time limit.

A check that hangs is reported and delays no other. A check that depends on one that failed is not
run, so a fault is reported once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from fdt.doctor import (
    broker,
    certificates,
    codes,
    configuration,
    folders,
    identity,
    limits,
    programs,
    registry,
    topics,
)
from fdt.doctor.findings import Asked, Finding, Look, failure, not_checked, not_configured
from runtime.threads import watched

ANSWER_S: Final = 30.0
"""How long a check may take, in seconds."""
SETTINGS: Final = "settings"
BROKER: Final = "broker"


@dataclass(frozen=True, slots=True)
class Check:
    """One check. It runs after ``needs``, if that has no failure."""

    name: str
    look: Look
    needs: str | None = None


CHECKS: Final = (
    Check(SETTINGS, configuration.fitting),
    Check(BROKER, broker.reached),
    Check("broker-version", broker.spoken, BROKER),
    Check("rights", broker.allowed, BROKER),
    Check("clock", broker.clock, BROKER),
    Check("topics", topics.compared, BROKER),
    Check("dead-letters", codes.refused, BROKER),
    Check("catalogue", codes.loaded),
    Check("folders", folders.looked_at),
    Check("limits", limits.looked_at),
    Check("registry", registry.looked_at),
    Check("identity-provider", identity.looked_at),
    Check("certificates", certificates.looked_at),
    Check("worker", programs.worker),
    Check("read-side", programs.read_side),
)

Found = tuple[str, Finding]
"""A check's name, and something that it found."""


def examined(component: str | None = None) -> Iterator[Found]:
    """All findings, in the table's order."""
    settings, wrong = configuration.in_force()
    if settings is None:
        yield from ((SETTINGS, finding) for finding in wrong)
        for check in CHECKS:
            if check.name != SETTINGS:
                yield check.name, not_checked("The settings cannot be used")
        return
    yield from run(Asked(settings, component), CHECKS)


def run(asked: Asked, checks: Sequence[Check], answer_s: float = ANSWER_S) -> Iterator[Found]:
    """Run the checks side by side; findings come in the table's order."""
    running: dict[str, _Running] = {}
    for check in checks:
        needed = running.get(check.needs or "")
        running[check.name] = _Running(check, asked, needed, answer_s)
    for check in checks:
        yield from ((check.name, finding) for finding in running[check.name].findings())


class _Running:
    """One running check, in a thread that is waited for with a limit."""

    def __init__(
        self, check: Check, asked: Asked, needed: _Running | None, answer_s: float
    ) -> None:
        self._check = check
        self._asked = asked
        self._needed = needed
        self._answer_s = answer_s
        self._deadline = time.monotonic() + answer_s * (1 if needed is None else 2)
        self._found: list[Finding] = []
        self._done = threading.Event()
        watched(check.name, self._look, stopping=lambda: True, on_end=self._broken).start()

    def findings(self) -> list[Finding]:
        """Its findings, or one that it has not ended in time."""
        if self._done.wait(max(0.0, self._deadline - time.monotonic())):
            return list(self._found)
        return [
            failure(
                f"It has not come to an end in {self._answer_s:g} s",
                "Something that it asks takes the question and does not answer: look at that first",
            )
        ]

    def _look(self) -> None:
        self._found = self._looked()
        self._done.set()

    def _looked(self) -> list[Finding]:
        if (
            BROKER in (self._check.name, self._check.needs)
            and self._asked.settings.kafka_bootstrap_servers is None
        ):
            return [not_configured("KAFKA_BOOTSTRAP_SERVERS is not set")]
        if self._needed is not None and any(
            finding.state == "failure" for finding in self._needed.findings()
        ):
            return [not_checked(f"The {self._check.needs} is not well")]
        return list(self._check.look(self._asked))

    def _broken(self, error: BaseException) -> None:
        """A defect of ours, which is in the log with its traceback."""
        self._found = [
            failure(
                f"The check itself failed: {type(error).__name__}: {error}",
                "Report it with the lines above: this is a defect of fdt",
            )
        ]
        self._done.set()
