"""Judges samples by the processor's own fold, in memory; ``fdt contract check`` calls it.

Samples are folded in their order, each behind those before it in its topic, so that a sample can
refer to an item that an earlier one opens.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from fdt.contract.samples import Sample
from processor.batch import Frame
from processor.partition.dead_letters import place_of
from processor.partition.folding import Folding
from processor.partition.status_log import Outgoing
from processor.safety.poison_probe import Record
from projections.events import RECORDS, Reader
from projections.rows import decode_row
from projections.state import Report
from projections.views import DeviceView, TimelineEntry, device_view, reason_of
from schemas import headers
from schemas.codec import BadRecord, Codec
from schemas.identifiers import DeviceId, InvalidIdentifier
from schemas.partitioning import partition_of_bytes
from schemas.topics import DEAD_LETTERS, DSP_EVENTS, TOPIC_SOURCES

Verdict = Literal["folded", "waits", "kept", "copy", "refused"]

NOT_ENCODABLE: Final = "not-encodable"
"""Reason of a sample in JSON that no serializer would write; no record is ever refused with it."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the processor makes of a sample."""

    verdict: Verdict
    topic: str | None
    partition: int
    reason: str | None = None
    """The dead letter's reason code, of what is refused."""
    detail: str = ""
    """What was wrong and how to mend it; or what the record means."""
    device_id: str | None = None
    service_request_id: str | None = None
    """The item it belongs to."""
    status: str | None = None
    """The Processing Status that the record speaks of."""
    marks: tuple[str, ...] = ()
    item_status: str | None = None
    """The Processing Status of the item with this record and those before it."""
    completion: str | None = None


class Judge:
    """Judges samples in their order; ``folding`` makes the fold of a partition number."""

    def __init__(
        self, folding: Callable[[int], Folding], reader: Reader, codec: Codec, partitions: int
    ) -> None:
        self._make = folding
        self._reader = reader
        self._codec = codec
        self._partitions = partitions
        self._rows: defaultdict[int, dict[str, bytes]] = defaultdict(dict)
        """Partition number -> device -> stored row."""
        self._next: Counter[tuple[str, int]] = Counter()
        self._now = 0

    def judge(self, sample: Sample, received_at: int) -> Judgement:
        """What the processor makes of ``sample``, received at its own time or else the given one,
        in milliseconds since 1970 UTC.

        Raises :class:`~schemas.registry.RegistryUnavailable`.
        """
        if sample.not_encodable is not None:
            return Judgement("refused", sample.topic, 0, NOT_ENCODABLE, sample.not_encodable)
        topic = sample.topic or DSP_EVENTS  # any will do: it is refused on every topic
        device = self._device(topic, sample.value)
        key = sample.key if sample.has_key or device is None else device.encode()
        number = sample.partition
        if number is None:
            number = self._home(key)
        at = received_at if sample.received_at is None else sample.received_at
        record = Record(key, sample.value, self._next[topic, number], at, sample.headers)
        self._next[topic, number] += 1
        refused = self._fold(topic, number, record)
        if refused is not None:
            reason, detail = refused
            return Judgement("refused", sample.topic, number, reason, detail, device)
        return self._placed(topic, number, record)

    def _fold(self, topic: str, number: int, record: Record) -> tuple[str, str] | None:
        """Folds the record; reason and sentence if it is refused."""
        self._now = max(self._now, record.timestamp)
        rows = self._rows[number]

        def held(devices: Sequence[DeviceId]) -> list[bytes | None]:
            return [rows.get(device) for device in devices]

        frame = Frame(topic, record.offset, (record,))
        folded = self._make(number).fold([frame], lambda _: 0, held, now=self._now)
        for device, row in folded.rows.items():
            if row is None:
                rows.pop(device, None)
            else:
                rows[device] = row
        return next((_refusal(out) for out in folded.outgoing if out.topic == DEAD_LETTERS), None)

    def _device(self, topic: str, value: bytes | None) -> str | None:
        """The Device ID of a record, canonical where it is one; None where there is no record."""
        try:
            text = str(self._codec.decode(RECORDS[TOPIC_SOURCES[topic]], value)["device_id"])
        except BadRecord:
            return None
        try:
            return DeviceId.parse(text)
        except InvalidIdentifier:
            return text

    def _home(self, key: bytes | None) -> int:
        """The partition that Java's partitioner gives a key, as it is spelt."""
        return 0 if key is None else partition_of_bytes(key, self._partitions)

    def _placed(self, topic: str, number: int, record: Record) -> Judgement:
        """The judgement on a record that was folded."""
        source = TOPIC_SOURCES[topic]
        fields = self._codec.decode(RECORDS[source], record.value)
        device, report = self._reader.report(source, fields, place_of(topic, number, record))
        meaning = reason_of(report, self._reader.catalogue).text
        state = self._rows[number].get(device)
        if state is None:
            return Judgement(
                "kept", topic, number, None, "What it is about is already forgotten.", device
            )
        view = device_view(device, decode_row(state), self._reader.catalogue, 0)
        return _seen(view, report, meaning, topic, number)


def _seen(view: DeviceView, report: Report, meaning: str, topic: str, number: int) -> Judgement:
    """The judgement by the record's entry in the view of its device."""
    for item in view.items:
        for entry in item.timeline:
            if _is(entry, report, topic):
                return Judgement(
                    "folded" if _same_place(entry, report) else "copy",
                    topic,
                    number,
                    None,
                    entry.reason.text,
                    view.device_id,
                    item.service_request_id,
                    _label(entry),
                    entry.marks,
                    item.status.label,
                    item.completion.value,
                )
    for entry in view.unmatched:
        if _is(entry, report, topic):
            verdict: Verdict = "waits" if _same_place(entry, report) else "copy"
            told, named = entry.reason.text, report.request_id
            return Judgement(
                verdict, topic, number, None, told, view.device_id, named, _label(entry)
            )
    told = f"{meaning} (kept, and not shown while no event tells the device's type)"
    return Judgement("kept", topic, number, None, told, view.device_id, report.request_id)


def _label(entry: TimelineEntry) -> str | None:
    return None if entry.status is None else entry.status.label


def _is(entry: TimelineEntry, report: Report, topic: str) -> bool:
    evidence = entry.evidence
    told = bytes.fromhex(evidence.event_id.replace("-", ""))
    return evidence.topic == topic and told == report.identity[:16]


def _same_place(entry: TimelineEntry, report: Report) -> bool:
    found = entry.evidence
    return (found.partition, found.offset) == (report.partition, report.offset)


def _refusal(letter: Outgoing) -> tuple[str, str]:
    told = {
        name: text.decode() if isinstance(text, bytes) else text or ""
        for name, text in letter.headers or ()
    }
    return told[headers.DL_REASON], told[headers.DL_DETAIL]
