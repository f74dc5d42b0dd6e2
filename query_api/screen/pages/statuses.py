"""Colours of completions and titles of stages, which the lifecycle table does not define."""

from __future__ import annotations

from typing import Final

from projections.lifecycle import Colour, Completion

COMPLETION_COLOURS: Final[dict[Completion, Colour]] = {
    Completion.IN_PROGRESS: Colour.BLUE,
    Completion.FAILED: Colour.RED,
    Completion.COMPLETE: Colour.GREEN,
}

STAGES: Final = (
    (1, "Accepted by the DSP", "The DSP checks the request and takes it on"),
    (2, "Approved by the CSP", "The CSP accepts the device and the image"),
    (3, "Sent to the Communications Hub", "The image crosses the WAN to the hub"),
    (4, "Delivered to the device", "The hub passes the image over the HAN"),
    (5, "Activated", "The device starts the new firmware"),
)
"""(stage, title, what happens in it)"""
