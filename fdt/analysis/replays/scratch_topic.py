"""Publishes a replayed table to a status topic of its own, for programs that read one.

``fdt replay --status-topic`` makes the topic, and each process publishes its partition's rows.
Records are those of the processor, with a control record behind the rows. Publishing again is safe:
the topic is compacted, and the rows of one replay are always the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from fdt.errors import UserError
from fdt.kafka.sending import Sender
from fdt.kafka.topics import create_missing, differences, specs_of
from fdt.settings import Settings
from processor.partition.ledger import Ledger, control_value
from projections.rows import decode_row
from projections.status_derivation import derive_statuses
from projections.status_record import status_body
from schemas.codec import Codec
from schemas.topics import CONTROL_KEY, STATUS, TOPICS


def make_topic(settings: Settings, name: str, partitions: int, *, goes_on: bool) -> None:
    """Make the topic, with the status topic's settings.

    ``goes_on``: an earlier run of the replay may have made it. :class:`~fdt.errors.UserError` for a
    live topic, one that is there already, or one with other settings.
    """
    if name in {topic.name for topic in TOPICS}:
        raise UserError(f"{name} is a live topic: name one that is not there.")
    (status,) = (spec for spec in specs_of(settings) if spec.name == STATUS)
    spec = replace(status, name=name, partitions=partitions)
    bootstrap = settings.require_brokers()
    made = create_missing(bootstrap, [spec])
    if not made and not goes_on:
        raise UserError(f"{name} is there already: name a topic that is not.")
    if differing := differences(bootstrap, [spec]):
        raise UserError(
            f"{name}: {differing[0].told}. Delete the topic, and replay into a new folder."
        )


class ScratchRows:
    """The rows of partition ``number`` on their way to ``topic``."""

    def __init__(self, bootstrap: str, topic: str, number: int, codec: Codec) -> None:
        self._topic, self._number, self._codec = topic, number, codec
        self._sender = Sender(bootstrap)

    def passing(self, rows: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
        """Each (Device ID, row), once a record of it is sent: a table may not fit into memory."""
        prefix = self._codec.prefix("FirmwareStatus")
        for device, state in rows:
            row = decode_row(state)
            value = prefix + status_body(device, row, derive_statuses(row), state)
            self._sender.send(self._topic, value, device.encode(), self._number, ())
            yield device, state

    def finish(self, ledger: Ledger) -> None:
        """The control record of ``ledger`` behind them; :class:`~fdt.errors.RunFailed` if the
        broker has not taken all."""
        control = control_value(self._codec, ledger, self._number, "replay")
        self._sender.send(self._topic, control, CONTROL_KEY, self._number, ())
        self._sender.finish()
