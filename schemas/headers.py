"""Names of the Kafka headers this system writes and reads."""

from __future__ import annotations

from typing import Final

CE_ID: Final = "ce_id"
CE_SOURCE: Final = "ce_source"
CE_TIME: Final = "ce_time"
CE_TYPE: Final = "ce_type"

DL_TOPIC: Final = "dl_topic"
DL_PARTITION: Final = "dl_partition"
DL_OFFSET: Final = "dl_offset"
DL_TIMESTAMP: Final = "dl_timestamp"
DL_REASON: Final = "dl_reason"
DL_DETAIL: Final = "dl_detail"
DL_CUT: Final = "dl_cut"
"""Bytes that the record had, where it was too large for a dead letter and only a part is kept."""

DL_SETTLED: Final = "dl_settled"
"""On a record without a value in the dead-letter topic: ``resent`` or ``dropped``."""
DL_LETTER: Final = "dl_letter"
"""Offset, in the same partition, of the dead letter that is settled by it."""

RESENT_TOPIC: Final = "resent_topic"
RESENT_PARTITION: Final = "resent_partition"
RESENT_OFFSET: Final = "resent_offset"
RESENT_TIMESTAMP: Final = "resent_timestamp"
