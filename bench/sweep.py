"""``python -m bench.sweep``: what deleting expired rows costs, with a real store and no broker.

A sweep of 10,000 due rows out of 100,000 and out of 1,000,000, the longest that folding would have
waited, and the disk before and after all rows expired. A transaction on a real broker adds 3 to 5
ms to each step (docs/performance.md).
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from bench.sampling import on_disk
from processor.partition import expiry
from processor.partition.ledger import LEDGER_KEY, Ledger, SourceLog, pack
from processor.partition.partition import Partition
from processor.partition.recovery import ROW_PREFIX
from processor.rebuild.no_log import NoLog
from processor.safety.in_flight import NotedInFlight
from processor.stores import FolderStores
from projections.catalogue import load_catalogue
from projections.events import Reader
from projections.fold import Fold
from projections.retention import RETENTION_MS, retain
from projections.rows import encode_row
from projections.state import Report
from schemas.codec import Codec
from schemas.topics import DAY_MS, SOURCE_TOPICS, STATUS, Source
from storage.rocks import Memory
from storage.store import MEMORY_MB

NOW: Final = 1_795_000_000_000
DUE: Final = 10_000
CHUNK: Final = 5_000
TYPES: Final = frozenset({"ESME", "GSME"})


class Unchanging:
    """Topics of which nothing is read."""

    def ids(self) -> dict[str, str]:
        """Always the same."""
        return dict.fromkeys([*SOURCE_TOPICS.values(), STATUS], "id")

    def require_fit(self) -> None:
        """Always."""

    def sources(self, number: int) -> dict[str, SourceLog]:
        """Empty."""
        return {topic: SourceLog("id", 0, 0) for topic in SOURCE_TOPICS.values()}

    def tombstones_kept_ms(self) -> int:
        """A day."""
        return DAY_MS


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    asked = parser.parse_args()
    if asked.rows < 10 * DUE:
        parser.error(f"--rows: {10 * DUE:,} at least")
    table = Table(
        "rows",
        "due",
        "sweep, s",
        "µs a due row",
        "longest step, ms",
        "disk before, MB",
        "after, MB",
    )
    for rows, due in ((asked.rows // 10, DUE), (asked.rows, DUE), (asked.rows, asked.rows)):
        with tempfile.TemporaryDirectory() as folder:
            table.add_row(*measured(Path(folder), rows, due))
    Console().print(table)


def measured(folder: Path, rows: int, due: int) -> tuple[str, ...]:
    """One line of the table."""
    stores = FolderStores(folder, Memory(MEMORY_MB), 1)
    fill(stores, rows, due)
    partition = partition_in(folder, stores)
    partition.resume()
    before, steps, more = on_disk([folder]).listed, [], True
    while more:
        began = time.perf_counter()
        more = partition.sweep()
        steps.append(time.perf_counter() - began)
    took = sum(steps)
    time.sleep(5)  # compaction goes on in the background
    after = on_disk([folder]).listed
    partition.close()
    return (
        f"{rows:,}",
        f"{due:,}",
        f"{took:.2f}",
        f"{took / due * 1e6:.0f}",
        f"{max(steps) * 1000:.1f}",
        f"{before / 1e6:.1f}",
        f"{after / 1e6:.1f}",
    )


def fill(stores: FolderStores, rows: int, due: int) -> None:
    """Fill a store as a partition leaves it; the first ``due`` rows began a retention ago."""
    rules, store = Fold(load_catalogue(), TYPES), stores.open(0)
    for start in range(0, rows, CHUNK):
        states = {device(n): state(rules, n, n < due) for n in range(start, start + CHUNK)}
        changes: dict[bytes, bytes | None] = {
            ROW_PREFIX + name.encode(): data for name, data in states.items()
        }
        store.write(changes | expiry.moves(expiry.times(dict.fromkeys(states), states)))
    ledger = Ledger(rows=rows, counted=rows, partition_time=NOW)
    store.write({LEDGER_KEY: pack(ledger, "id")})
    store.close()


def state(rules: Fold, number: int, is_due: bool) -> bytes:
    """A device with the usual five records."""
    row = rules.new_row()
    for report in reports(number, NOW - (RETENTION_MS if is_due else DAY_MS)):
        rules.add(row, report)
    return encode_row(retain(row, RETENTION_MS, 0).row)


def reports(number: int, last: int) -> Iterator[Report]:
    """Accepted, approved, transferred, delivered, activated; the last at ``last``."""
    said = (
        (Source.DSP, "I99", 14),
        (Source.CSP, "APPROVED", 24),
        (Source.CSP, "N60", 34),
        (Source.COMMS_HUB, "8F72", 44),
        (Source.COMMS_HUB, "8F66", 54),
    )
    for step, (source, code, status) in enumerate(said):
        at = last - (4 - step) * 3_600_000
        yield Report(
            identity=(number * 5 + step).to_bytes(16, "big") + bytes([source]),
            at=at,
            status=status,
            received_at=at,
            partition=0,
            offset=number * 5 + step,
            occurred_at=at,
            code=code,
            request_id=f"90-B3-D5-1F-30-01-00-00:90-B3-D5-1F-30-00-00-02:{1 + number // 5000}"
            if source != Source.COMMS_HUB
            else None,
            version="0002012F",
            device_type="ESME" if source is Source.DSP else None,
        )


def device(number: int) -> str:
    """Device IDs in no order of time, as in life."""
    return "-".join(f"{byte:02X}" for byte in (number * 2_654_435_761 % 2**32).to_bytes(8, "big"))


def partition_in(folder: Path, stores: FolderStores) -> Partition:
    """The processor's own partition."""
    return Partition(
        0,
        1,
        stores=stores,
        log=NoLog(NOW),
        reader=Reader(load_catalogue(), TYPES, 2 * DAY_MS),
        codec=Codec(),
        topics=Unchanging(),
        worker="bench",
        in_flight=NotedInFlight(folder, lambda number, suspects, stored: False),
    )


if __name__ == "__main__":
    main()
