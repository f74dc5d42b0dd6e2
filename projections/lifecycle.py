"""The lifecycle as one table; every status, colour and completion elsewhere is derived from it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final

from schemas.topics import Source


class Completion(StrEnum):
    """Overall outcome of an item, in the words of the SSI."""

    IN_PROGRESS = "In Progress"
    FAILED = "Failed"
    COMPLETE = "Complete"


class Status(IntEnum):
    """Processing Status. The numbers are stored in rows: gaps are left, none is ever reused.

    The tens digit is the stage of the lifecycle.
    """

    REJECTED_BY_DSP = 12
    ACCEPTED_BY_DSP = 14
    NOT_ACCEPTED_BY_CSP = 22
    APPROVED_FOR_DISTRIBUTION = 24
    FAILED_CH_TRANSFER = 32
    SUCCESSFUL_CH_TRANSFER = 34
    NOT_DELIVERED_AT_HAN = 42
    SUCCESSFUL_HAN_TRANSFER = 44
    ACTIVATION_FAILED = 52
    FIRMWARE_ACTIVATED = 54
    RESET_BY_DCC = 92

    @property
    def row(self) -> LifecycleRow:
        """What the lifecycle table says of this status."""
        return _BY_STATUS[self]

    @property
    def label(self) -> str:
        """The words of the SSI."""
        return _BY_STATUS[self].label

    @property
    def completion(self) -> Completion:
        """The Completion Status shown beside this Processing Status."""
        return _BY_STATUS[self].completion


NO_STATUS: Final = 0
"""Stored where a report carries no status, such as a future-dated activation that was accepted."""


@dataclass(frozen=True, slots=True)
class LifecycleRow:
    """One line of the lifecycle table."""

    status: Status
    label: str
    stage: int | None
    """1 DSP, 2 CSP, 3 CH transfer, 4 HAN, 5 activation; none for a reset."""
    completion: Completion
    source: Source
    """The only source that may set it."""
    final: bool
    """Once set, no later report of the item changes it (a reset still may)."""


_IN_PROGRESS, _FAILED, _COMPLETE = Completion.IN_PROGRESS, Completion.FAILED, Completion.COMPLETE
_S = Status

LIFECYCLE: Final[tuple[LifecycleRow, ...]] = (
    LifecycleRow(_S.REJECTED_BY_DSP, "Rejected by DSP", 1, _FAILED, Source.DSP, False),
    LifecycleRow(_S.ACCEPTED_BY_DSP, "Accepted by DSP", 1, _IN_PROGRESS, Source.DSP, False),
    LifecycleRow(_S.NOT_ACCEPTED_BY_CSP, "Not Accepted by CSP", 2, _FAILED, Source.CSP, False),
    LifecycleRow(
        _S.APPROVED_FOR_DISTRIBUTION,
        "Approved for Distribution",
        2,
        _IN_PROGRESS,
        Source.CSP,
        False,
    ),
    LifecycleRow(_S.FAILED_CH_TRANSFER, "Failed CH Transfer", 3, _FAILED, Source.CSP, False),
    LifecycleRow(
        _S.SUCCESSFUL_CH_TRANSFER, "Successful CH Transfer", 3, _IN_PROGRESS, Source.CSP, False
    ),
    LifecycleRow(
        _S.NOT_DELIVERED_AT_HAN, "Not Delivered at HAN", 4, _FAILED, Source.COMMS_HUB, False
    ),
    LifecycleRow(
        _S.SUCCESSFUL_HAN_TRANSFER,
        "Successful HAN Transfer",
        4,
        _IN_PROGRESS,
        Source.COMMS_HUB,
        False,
    ),
    LifecycleRow(_S.ACTIVATION_FAILED, "Activation Failed", 5, _FAILED, Source.COMMS_HUB, False),
    LifecycleRow(_S.FIRMWARE_ACTIVATED, "Firmware Activated", 5, _COMPLETE, Source.COMMS_HUB, True),
    LifecycleRow(_S.RESET_BY_DCC, "Reset by DCC", None, _FAILED, Source.SSMI, True),
)

_BY_STATUS: Final = {row.status: row for row in LIFECYCLE}
STATUS_BY_LABEL: Final = {row.label: row.status for row in LIFECYCLE}

STAGE: Final = {NO_STATUS: 0} | {int(row.status): row.stage or 0 for row in LIFECYCLE}
"""Stored status -> stage; 0 for no status and for a reset, which stands outside the stages."""

REJECTING: Final = frozenset({int(_S.REJECTED_BY_DSP), int(_S.NOT_ACCEPTED_BY_CSP)})
"""Statuses that do not count as acceptance (design: *newest item*)."""
