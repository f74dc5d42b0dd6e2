"""Finds which offsets a replay reads, and which of them the broker has deleted; for ``fdt
replay``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from fdt.analysis.cut import Cut, Span, offsets_at
from fdt.errors import UserError

_SPAN: Final = re.compile(r"(firmware\.[a-z-]+\.v1):(\d+):(\d+)-(\d+)")


@dataclass(frozen=True, slots=True)
class Range:
    """One partition's part in a replay."""

    span: Span
    expired: int = 0
    """Offsets asked for, before ``span``, that the broker has deleted."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for; times are milliseconds since 1970 UTC, of receipt."""

    since: int | None = None
    until: int | None = None
    spans: tuple[str, ...] = ()
    partition: int | None = None
    """The one of a device."""


def ranges(bootstrap: str, now: Cut, wanted: Wanted) -> list[Range]:
    """The ranges, by topic and partition; those of nothing are left out."""
    spans = [span for span in now.spans if wanted.partition in (None, span.partition)]
    if wanted.spans:
        return [_named(text, spans) for text in wanted.spans]
    starts = offsets_at(bootstrap, spans, wanted.since) if wanted.since is not None else {}
    ends = offsets_at(bootstrap, spans, wanted.until) if wanted.until is not None else {}
    found = []
    for span in spans:
        start = starts.get(span, span.start)
        end = max(start, min(ends.get(span, span.end), span.end))
        # A time does not say how many offsets were meant: count all that are deleted.
        expired = span.start if start == span.start else 0
        found.append(Range(replace(span, start=start, end=end), expired))
    return found


def _named(text: str, spans: Sequence[Span]) -> Range:
    """``topic:partition:start-end``, the end excluded."""
    told = _SPAN.fullmatch(text)
    if told is None:
        raise UserError(
            f"--span {text} is no span: write topic:partition:start-end, such as "
            "firmware.dsp.v1:2:0-1000; the end is not read."
        )
    topic, number, start, end = told[1], int(told[2]), int(told[3]), int(told[4])
    for span in spans:
        if (span.topic, span.partition) == (topic, number):
            if end > span.end or start > end:
                raise UserError(f"--span {text}: {span.name} ends at {span.end}.")
            first = min(max(start, span.start), end)
            return Range(replace(span, start=first, end=end), first - start)
    raise UserError(f"--span {text}: there is no such event topic and partition to be read.")
