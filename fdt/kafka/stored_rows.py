"""The latest-status table as the status topic holds it, for commands that look at every row."""

from __future__ import annotations

from collections.abc import Iterator

from fdt.errors import UserError
from fdt.settings import Settings
from processor.partition.status_log import KafkaStatusLog, LogUnavailable
from processor.topics import KafkaTopics, TopicsUnfit
from runtime.access.schema_registry import registry
from schemas.codec import Codec
from schemas.topics import CONTROL_KEY


def stored_rows(settings: Settings) -> Iterator[tuple[str, bytes]]:
    """(Device ID, stored row) of every device, one partition in memory at a time.

    Raises :class:`~fdt.errors.UserError` where no broker is named, or it has no topics or answer.
    """
    bootstrap = settings.require_brokers()
    codec = Codec(registry(settings.schema_registry_url))
    try:
        for number in range(KafkaTopics(bootstrap).partitions()):
            latest: dict[str, bytes] = {}
            log = KafkaStatusLog(bootstrap, "fdt", number)
            for logged in log.read(*log.bounds()):
                for record in logged:
                    if record.value is None:
                        latest.pop(record.key.decode(), None)
                    elif record.key != CONTROL_KEY:
                        fields = codec.decode("FirmwareStatus", record.value)
                        latest[record.key.decode()] = fields["state"]
            yield from latest.items()
    except (LogUnavailable, TopicsUnfit) as error:
        raise UserError(f"Cannot read the stored rows: {error}") from error
