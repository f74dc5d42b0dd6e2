"""Measures the fold: adding one event to a row in memory, and encoding the row for writing.

The measured event is the newest one of its request or of its hub. Figures are medians of many
single calls, in microseconds, for rows from almost empty to the cap.
"""

from __future__ import annotations

import statistics
import time
import uuid
from collections.abc import Callable
from functools import partial
from typing import Final

from projections.cap import TIMELINE_CAP
from projections.catalogue import load_catalogue
from projections.fold import Fold
from projections.retention import RETENTION_MS, retain
from projections.rows import encode_row
from projections.state import Report, Row
from projections.status_record import status_body
from schemas.topics import Source

LENGTHS: Final = (1, 6, 50, TIMELINE_CAP - 1)
"""Records in the row before the one that is measured."""
ROUNDS: Final = 2_000

DEVICE: Final = "00-DB-12-34-56-78-90-A0"
REQUEST: Final = "90-B3-D5-1F-30-01-00-00:90-B3-D5-1F-30-00-00-02:1000"
START: Final = 1_795_000_000_000


def measure() -> dict[str, float]:
    """Microseconds: ``fold_after_N_us`` and ``write_after_N_us`` for each length."""
    rules = Fold(load_catalogue(), frozenset({"ESME", "GSME"}))
    figures: dict[str, float] = {}
    for length in LENGTHS:
        figures[f"fold_after_{length}_us"] = _median(partial(_folding, rules, length))
        figures[f"write_after_{length}_us"] = _median(partial(_writing, rules, length))
    return figures


def _median(prepare: Callable[[], Callable[[], object]]) -> float:
    """Median of one call each on a row prepared for it, in microseconds."""
    samples = []
    for _ in range(ROUNDS):
        call = prepare()
        begun = time.perf_counter_ns()
        call()
        samples.append(time.perf_counter_ns() - begun)
    return statistics.median(samples) / 1000


def _folding(rules: Fold, length: int) -> Callable[[], object]:
    row, report = _row(rules, length), _report(length)
    return lambda: rules.add(row, report)


def _writing(rules: Fold, length: int) -> Callable[[], object]:
    row = _row(rules, length)
    return lambda: _ready(row)


def _ready(row: Row) -> bytes:
    settled = retain(row, RETENTION_MS, START)
    return status_body(DEVICE, settled.row, settled.found, encode_row(settled.row))


def _row(rules: Fold, length: int) -> Row:
    row = rules.new_row()
    for number in range(length):
        rules.add(row, _report(number))
    return row


def _report(number: int) -> Report:
    """The DSP's acceptance, then the same CSP status again and again, in one request's timeline."""
    source, code, status = (Source.DSP, "I99", 14) if number == 0 else (Source.CSP, "N60", 34)
    at = START + number * 60_000
    return Report(
        identity=uuid.UUID(int=number + 1).bytes + bytes([source]),
        at=at,
        status=status,
        received_at=at + 1000,
        partition=0,
        offset=number,
        occurred_at=at,
        code=code,
        request_id=REQUEST,
        version="0002012F",
        device_type="ESME" if number == 0 else None,
    )
