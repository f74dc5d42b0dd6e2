"""The events of a range, from the topics themselves; an analyst's program calls it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from fdt.analysis.cut import cut
from fdt.analysis.replays import events as replays
from fdt.analysis.replays.ranges import Range, Wanted, ranges
from fdt.commands.process import config_of
from fdt.settings import Settings
from firmware_tracking.event import Event
from processor.partition.dead_letters import place_of
from projections.events import check_key
from schemas.codec import BadRecord
from schemas.identifiers import DeviceId, InvalidIdentifier, ServiceRequestId
from schemas.partitioning import partition_of
from schemas.topics import SOURCE_TOPICS, STATUS


class EventsDeleted(UserWarning):
    """The broker no longer has all that was asked for."""


def events(
    *,
    device: str | None = None,
    request: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    settings: Settings | None = None,
) -> Iterator[Event]:
    """Every event received from ``since`` on and before ``until``, oldest first.

    Of one device, or of one request. The range ends where the topics end when the first event is
    read. A time without a zone is UTC. Warns with :class:`EventsDeleted`; raises
    :class:`~schemas.identifiers.InvalidIdentifier` for an ID that is none, and
    :class:`~fdt.errors.UserError` if no broker answers.
    """
    chosen = settings or Settings()
    of_device = None if device is None else DeviceId.parse(device)
    of_request = None if request is None else ServiceRequestId.parse(request)
    bootstrap = chosen.require_brokers()
    now = cut(bootstrap, [*SOURCE_TOPICS.values(), STATUS])
    config = config_of(chosen, bootstrap, len(now.of(STATUS)))
    sources = replace(now, spans=tuple(span for span in now.spans if span.topic != STATUS))
    number = None if of_device is None else partition_of(of_device, config.partitions)
    found = ranges(bootstrap, sources, Wanted(_ms(since), _ms(until), partition=number))
    _tell_deleted(found)
    for each in replays.events(config, found, of_device, of_request):
        yield _event(each, config.partitions)


def _ms(time: datetime | None) -> int | None:
    if time is None:
        return None
    return round((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)


def _tell_deleted(found: Sequence[Range]) -> None:
    for one in found:
        if one.expired:
            warnings.warn(
                f"{one.span.name}: {one.expired:,} offsets before {one.span.start} are deleted",
                EventsDeleted,
                stacklevel=3,
            )


def _event(each: replays.Event, partitions: int) -> Event:
    record, first = each.record, None
    refused = None if each.problem is None else each.problem.partition(":")[0]
    try:
        place = place_of(each.topic, each.partition, record)
        if (place.partition, place.offset) != (each.partition, record.offset):
            first = (place.partition, place.offset, place.received_at)
        if refused is None:
            refused = _misplaced(each, partitions)
    except BadRecord as bad:
        refused = bad.reason
    return Event(
        each.topic,
        each.partition,
        record.offset,
        record.timestamp,
        each.fields or {},
        refused,
        first,
    )


def _misplaced(each: replays.Event, partitions: int) -> str | None:
    """The reason code of a wrong partition or device ID; :class:`BadRecord` for a wrong key."""
    try:
        device = DeviceId.parse((each.fields or {})["device_id"])
    except InvalidIdentifier:
        return "invalid-device-id"
    check_key(each.record.key, device)
    return None if partition_of(device, partitions) == each.partition else "wrong-partition"
