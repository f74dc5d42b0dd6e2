"""What a Processing Status looks like, and what it means in plain English."""

from __future__ import annotations

from typing import Final

from projections.lifecycle import Completion, Status

COLOURS: Final[dict[Status, str]] = {
    Status.REJECTED_BY_DSP: "red",
    Status.ACCEPTED_BY_DSP: "blue",
    Status.NOT_ACCEPTED_BY_CSP: "red",
    Status.APPROVED_FOR_DISTRIBUTION: "blue",
    Status.FAILED_CH_TRANSFER: "red",
    Status.SUCCESSFUL_CH_TRANSFER: "teal",
    Status.NOT_DELIVERED_AT_HAN: "red",
    Status.SUCCESSFUL_HAN_TRANSFER: "teal",
    Status.ACTIVATION_FAILED: "red",
    Status.FIRMWARE_ACTIVATED: "green",
    Status.RESET_BY_DCC: "grey",
}
"""Colour of the tag; the word is always in it too."""

MEANINGS: Final[dict[Status, str]] = {
    Status.REJECTED_BY_DSP: "The DSP refused the device; nothing was sent on.",
    Status.ACCEPTED_BY_DSP: "The DSP has taken the request; the CSP has not answered yet.",
    Status.NOT_ACCEPTED_BY_CSP: "The CSP refused the device or the image.",
    Status.APPROVED_FOR_DISTRIBUTION: "The CSP will send the image to the Communications Hub.",
    Status.FAILED_CH_TRANSFER: "The image did not reach the Communications Hub.",
    Status.SUCCESSFUL_CH_TRANSFER: "The Communications Hub holds the image for the device.",
    Status.NOT_DELIVERED_AT_HAN: "The device did not take the image from the hub.",
    Status.SUCCESSFUL_HAN_TRANSFER: "The device holds the image, and the old firmware still runs.",
    Status.ACTIVATION_FAILED: "The device holds the image and could not start it.",
    Status.FIRMWARE_ACTIVATED: "The device runs the new firmware.",
    Status.RESET_BY_DCC: "The DCC ended the tracking; the request can be sent again.",
}

COMPLETION_COLOURS: Final[dict[Completion, str]] = {
    Completion.IN_PROGRESS: "blue",
    Completion.FAILED: "red",
    Completion.COMPLETE: "green",
}

STAGES: Final = (
    (1, "Accepted by the DSP", "The DSP checks the request and takes it on"),
    (2, "Approved by the CSP", "The CSP accepts the device and the image"),
    (3, "Sent to the Communications Hub", "The image crosses the WAN to the hub"),
    (4, "Delivered to the device", "The hub passes the image over the HAN"),
    (5, "Activated", "The device starts the new firmware"),
)
"""Stage, what is reached at its end, what happens in it."""
