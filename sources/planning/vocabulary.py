"""The vocabulary of the simulated systems: identities, native codes, and their statuses.

The statuses are defined here a second time on purpose: the plan must not use the tables that it is
a test of.
"""

from __future__ import annotations

from typing import Final, Literal

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS

Status = Literal[
    "Rejected by DSP",
    "Accepted by DSP",
    "Not Accepted by CSP",
    "Approved for Distribution",
    "Failed CH Transfer",
    "Successful CH Transfer",
    "Not Delivered at HAN",
    "Successful HAN Transfer",
    "Activation Failed",
    "Firmware Activated",
    "Reset by DCC",
]
Completion = Literal["In Progress", "Failed", "Complete"]
Mark = Literal["late", "superseded", "after-reset", "clock-skew"]

COMPLETIONS: Final[dict[Status, Completion]] = {
    "Rejected by DSP": "Failed",
    "Accepted by DSP": "In Progress",
    "Not Accepted by CSP": "Failed",
    "Approved for Distribution": "In Progress",
    "Failed CH Transfer": "Failed",
    "Successful CH Transfer": "In Progress",
    "Not Delivered at HAN": "Failed",
    "Successful HAN Transfer": "In Progress",
    "Activation Failed": "Failed",
    "Firmware Activated": "Complete",
    "Reset by DCC": "Failed",
}

SUPPLIERS: Final = (
    "90-B3-D5-1F-30-01-00-00",
    "90-B3-D5-1F-30-02-00-00",
    "90-B3-D5-1F-30-03-00-00",
    "90-B3-D5-1F-30-04-00-00",
)
"""User IDs of the simulated suppliers, which send requests in turn."""

DCC: Final = "90-B3-D5-1F-30-00-00-02"
"""Target of every Update Firmware request: a Non-Device request is addressed to the DCC."""

DEVICE_PREFIX: Final = "00-DB-12-34-56"
DEVICE_NUMBERS: Final = 0x789000
"""Upper bound of Device IDs, so that the documented test identities (…-78-90-A0 on) stay free."""
HUB_NUMBERS: Final = 0x800000
"""First number of Comms Hubs."""

DEVICE_TYPES: Final = ("ESME", "ESME", "ESME", "GSME", "GSME")
"""Device types in turn: three electricity meters, two gas meters."""
REGIONS: Final = ("North", "Central", "South")

DSP_ACCEPTING: Final = ("I99", "I0")
DSP_ERRORS: Final = ("E110101", "E110102", "E110104", "E5", "E19")
DSP_OPEN_REQUEST: Final = "E110101"
"""The simulated DSP's code for a device with an open request."""
DSP_WARNING_LISTS: Final = ("NotCommissionedDeviceIDList", "InvalidDeviceIDList")
CSP_REFUSALS: Final = ("NOT-ACCEPTED", "N18", "N19", "N21", "N22", "N23")
CSP_TRANSFERS: Final = ("CH-TRANSFER-OK", "N60")
CSP_TRANSFER_FAILURES: Final = ("CH-TRANSFER-FAILED", "N61")
ACTIVATION_MESSAGE: Final = "00CA"
"""Message code of a future-dated firmware activation, among future-dated commands."""


def eui(number: int) -> str:
    """The EUI-64 in the reserved test range that ends in ``number`` (24 bits)."""
    tail = f"{number:06X}"
    return f"{DEVICE_PREFIX}-{tail[:2]}-{tail[2:4]}-{tail[4:]}"
