"""Retention 30, 7, 30 days by setting: what users see at each step is what docs/retention.md says.

The processor's partition and the read side's answers, over a log and a disk in memory; the broker's
clock stands still, so only the setting makes anything due.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from processor.batch import Batch, Frame
from processor.partition.partition import Partition
from projections.catalogue import load_catalogue
from query_api.identity.access import Caller, Role
from query_api.queries.reads import Filters, NothingHeld, Reads
from query_api.view.listing import ForgivingCatalogue
from query_api.view.progress import Progress
from query_api.view.status_view import Batch as ViewBatch
from query_api.view.status_view import Control, Covered, View
from schemas.codec import Codec
from schemas.identifiers import DeviceId, ServiceRequestId
from schemas.topics import CONTROL_KEY, DAY_MS, DSP_EVENTS, SOURCE_TOPICS
from tests.processor.bench import Bench
from tests.query_api.world import new_view
from tests.simulation.broker import Record
from tests.support.events import REQUEST, dsp_event

MONTH: Final = 30 * DAY_MS
WEEK: Final = 7 * DAY_MS
CODEC: Final = Codec()
OLD, MIDDLE, YOUNG = (f"00-DB-12-34-56-78-90-{n:02X}" for n in (0x00, 0x01, 0x02))
AGE_DAYS: Final = {OLD: 29, MIDDLE: 10, YOUNG: 3}
"""The broker received the only event of each so many days ago, the oldest first."""


@dataclass
class Operator:
    """Starts processor and read side with one retention or another; what each keeps stays."""

    bench: Bench = field(default_factory=Bench)
    view: View = field(default_factory=new_view)
    applied: int = 0

    def __post_init__(self) -> None:
        now = self.bench.broker.now
        self.received = {device: now - days * DAY_MS for device, days in AGE_DAYS.items()}
        events = [
            Record(device.encode(), accepted(device, at), offset, timestamp=at)
            for offset, (device, at) in enumerate(self.received.items())
        ]
        self.bench.broker.sources[DSP_EVENTS, 0] = events
        processor = self._processor(MONTH)
        ends = {DSP_EVENTS: len(events)} | dict.fromkeys(list(SOURCE_TOPICS.values())[1:], 0)
        processor.keep_alive(ends)  # the broker's time is known from here on
        processor.process(Batch(0, (Frame(DSP_EVENTS, 0, events),), ends))
        self.process(MONTH)

    def process(self, retention_ms: int) -> int:
        """A processor starts, looks at the time, sweeps and ends; the rows that it holds."""
        processor = self._processor(retention_ms)
        ends = {topic: p.next_offset for topic, p in processor.ledger.positions.items()}
        for _ in range(2):  # the first record tells the time for the second
            processor.keep_alive(ends)
        while processor.sweep():
            pass
        return processor.ledger.rows

    def shown(self, retention_ms: int) -> dict[str, int]:
        """What a read side that is started now shows: device -> days until it shows it no more."""
        self._follow()
        progress = Progress()
        progress.begin(self.view, {0: 0}, {0: 0})
        reads = Reads(progress, ForgivingCatalogue(load_catalogue()), retention_ms)
        caller = Caller("chris", frozenset(), frozenset({Role.SERVICE_CENTRE}))
        with reads.snapshot() as snapshot:
            try:
                found = list(snapshot.items(caller, ServiceRequestId.parse(REQUEST), Filters()))
            except NothingHeld:
                return {}
        return {
            item.device_id: (item.available_until - self.bench.broker.now) // DAY_MS
            for item in found
        }

    def _processor(self, retention_ms: int) -> Partition:
        self.bench.retention_ms = retention_ms
        return self.bench.start()

    def _follow(self) -> None:
        """The view comes level with the status topic."""
        log = self.bench.broker.status[0]
        rows: dict[DeviceId, bytes | None] = {}
        for record in log.records:
            if record.offset >= self.applied and record.key != CONTROL_KEY:
                device = DeviceId.parse(record.key.decode())
                rows[device] = (
                    record.value and CODEC.decode("FirmwareStatus", record.value)["state"]
                )
        self.applied, at = log.end, log.records[-1].timestamp
        covered = {0: Covered(log.end, at)}
        self.view.apply(ViewBatch(rows, {0: Control(at, at, {})}, covered))


def accepted(device: str, at: int) -> bytes:
    """The DSP accepted a device, then."""
    return CODEC.encode("DspEvent", dsp_event(device_id=device, occurred_at=at))


def test_a_month_a_week_and_a_month_again() -> None:
    """Shorter hides at once and then forgets; longer again keeps what is left, and brings nothing
    back."""
    operator = Operator()
    assert operator.shown(MONTH) == {OLD: 1, MIDDLE: 20, YOUNG: 27}
    assert operator.shown(WEEK) == {YOUNG: 4}, "hidden at once, before anything is swept"
    assert operator.shown(MONTH) == {OLD: 1, MIDDLE: 20, YOUNG: 27}, "so far nothing is lost"
    assert operator.process(WEEK) == 1
    assert operator.shown(MONTH) == {YOUNG: 27}, "a read side alone brings nothing back"
    assert operator.shown(WEEK) == {YOUNG: 4}
    assert operator.process(MONTH) == 1
    assert operator.shown(MONTH) == {YOUNG: 27}, "what is left stays longer"


def test_a_read_side_with_the_longer_one_shows_items_until_their_tombstones_come() -> None:
    """Why both are to be changed together."""
    operator = Operator()
    assert operator.shown(MONTH).keys() == {OLD, MIDDLE, YOUNG}
    operator.process(WEEK)
    assert operator.shown(MONTH) == {YOUNG: 27}
