"""The lifecycle table, from which statuses, colours and completions elsewhere are derived."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final

from schemas.topics import Source


class Completion(StrEnum):
    """Completion Status: the overall outcome of an item, in the words of the SSI."""

    IN_PROGRESS = "In Progress"
    FAILED = "Failed"
    COMPLETE = "Complete"


class Status(IntEnum):
    """Processing Status. The numbers are stored in rows: none is ever reused.

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
        """The row of the lifecycle table."""
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
"""Stored for a report without a status, such as an accepted future-dated activation."""


class Colour(StrEnum):
    """Colour of a status tag, in the names of the GOV.UK Design System."""

    BLUE = "blue"
    GREEN = "green"
    GREY = "grey"
    ORANGE = "orange"
    RED = "red"
    TURQUOISE = "turquoise"


@dataclass(frozen=True, slots=True)
class LifecycleRow:
    """One row of the lifecycle table (design §4; meaning: domain facts, section 3.1)."""

    status: Status
    label: str
    stage: int | None
    """A number of :data:`STAGE_NAMES`; ``None`` for a reset, which belongs to no stage."""
    completion: Completion
    source: Source
    """The only source that may set it."""
    final: bool
    """Whether no later report of the item changes it, except a reset."""
    colour: Colour
    meaning: str
    """One sentence for a supplier."""
    next_step: str
    """What the supplier does or waits for in this status; a reason's own advice takes
    precedence."""


STAGE_NAMES: Final = {
    1: "DSP",
    2: "CSP",
    3: "transfer to the Communications Hub",
    4: "transfer over the home area network",
    5: "activation",
}

_IN_PROGRESS, _FAILED, _COMPLETE = Completion.IN_PROGRESS, Completion.FAILED, Completion.COMPLETE

LIFECYCLE: Final[tuple[LifecycleRow, ...]] = (
    LifecycleRow(
        Status.REJECTED_BY_DSP,
        "Rejected by DSP",
        1,
        _FAILED,
        Source.DSP,
        False,
        Colour.RED,
        "The DSP refused the request, or this device of it: nothing was sent to a CSP.",
        "Mend what the reason names, then send a new request for the device.",
    ),
    LifecycleRow(
        Status.ACCEPTED_BY_DSP,
        "Accepted by DSP",
        1,
        _IN_PROGRESS,
        Source.DSP,
        False,
        Colour.BLUE,
        "The DSP passed the request on for this device, and the CSP has not answered yet.",
        "Wait for the CSP.",
    ),
    LifecycleRow(
        Status.NOT_ACCEPTED_BY_CSP,
        "Not Accepted by CSP",
        2,
        _FAILED,
        Source.CSP,
        False,
        Colour.RED,
        "The CSP refused the device, its Communications Hub or the image: no transfer was started.",
        "Mend what the reason names, then send a new request for the device.",
    ),
    LifecycleRow(
        Status.APPROVED_FOR_DISTRIBUTION,
        "Approved for Distribution",
        2,
        _IN_PROGRESS,
        Source.CSP,
        False,
        Colour.BLUE,
        "The CSP will send the image to the Communications Hub; this may take days.",
        "Wait for the transfer to the hub.",
    ),
    LifecycleRow(
        Status.FAILED_CH_TRANSFER,
        "Failed CH Transfer",
        3,
        _FAILED,
        Source.CSP,
        False,
        Colour.RED,
        "The image did not reach the Communications Hub, and the CSP's own retries are spent.",
        "Send a new request for the device.",
    ),
    LifecycleRow(
        Status.SUCCESSFUL_CH_TRANSFER,
        "Successful CH Transfer",
        3,
        _IN_PROGRESS,
        Source.CSP,
        False,
        Colour.BLUE,
        "The Communications Hub holds the image and offers it to the device.",
        "Wait for the device to fetch it; a battery-powered gas meter takes longest.",
    ),
    LifecycleRow(
        Status.NOT_DELIVERED_AT_HAN,
        "Not Delivered at HAN",
        4,
        _FAILED,
        Source.COMMS_HUB,
        False,
        Colour.RED,
        "The image did not reach the device over the home area network, or the device refused it.",
        "Follow the reason; in most cases send a new request for the device.",
    ),
    LifecycleRow(
        Status.SUCCESSFUL_HAN_TRANSFER,
        "Successful HAN Transfer",
        4,
        _IN_PROGRESS,
        Source.COMMS_HUB,
        False,
        Colour.TURQUOISE,
        "The device holds the image and still runs its old firmware.",
        "Activate the firmware (11.3): nobody else will. A PPMID activates by itself.",
    ),
    LifecycleRow(
        Status.ACTIVATION_FAILED,
        "Activation Failed",
        5,
        _FAILED,
        Source.COMMS_HUB,
        False,
        Colour.ORANGE,
        "The device was told to activate the image and did not.",
        "Send 11.3 again if the device still holds the image, else a new request.",
    ),
    LifecycleRow(
        Status.FIRMWARE_ACTIVATED,
        "Firmware Activated",
        5,
        _COMPLETE,
        Source.COMMS_HUB,
        True,
        Colour.GREEN,
        "The device runs the new firmware.",
        "Nothing: the update is complete.",
    ),
    LifecycleRow(
        Status.RESET_BY_DCC,
        "Reset by DCC",
        None,
        _FAILED,
        Source.SSMI,
        True,
        Colour.GREY,
        "The DCC Service Centre ended the tracking of this request for the device.",
        "Send a new request for the device; later reports of this one only stand in its history.",
    ),
)

_BY_STATUS: Final = {row.status: row for row in LIFECYCLE}
STATUS_BY_LABEL: Final = {row.label: row.status for row in LIFECYCLE}

STAGE: Final = {NO_STATUS: 0} | {int(row.status): row.stage or 0 for row in LIFECYCLE}
"""Stored status -> stage; 0 for no status and for a reset, which belongs to no stage."""

REJECTING: Final = frozenset({int(Status.REJECTED_BY_DSP), int(Status.NOT_ACCEPTED_BY_CSP)})
"""Statuses that are no acceptance (design: *newest item*)."""
