"""The ordinary steps of a journey: each after its usual wait, in the codes of real systems."""

from __future__ import annotations

from typing import Final, Unpack

from sources.planning import vocabulary as v
from sources.planning.events import PlannedEvent
from sources.planning.script import How, HowHeard, Item, Link, Script

PROMPT: Final = 0.2
"""Minutes of delay for events that must be in time: a request's end, before it is sent again."""
SLOW_CLOCK_MS: Final = -4 * v.DAY_MS
FAST_CLOCK_MS: Final = 5 * v.HOUR_MS


def accepted(s: Script, item: Item | None = None, **how: Unpack[How]) -> PlannedEvent:
    """The DSP accepts the device."""
    return s.dsp(s.rng.choice(v.DSP_ACCEPTING), item=item, **how)


def taken_on_again(s: Script, item: Item) -> PlannedEvent:
    """The DSP accepts a device whose earlier request has ended."""
    return s.dsp(s.rng.choice(v.DSP_ACCEPTING), item=item, resend="accepted")


def approved(s: Script, item: Item | None = None, **how: Unpack[How]) -> PlannedEvent:
    """The CSP approves the device for distribution."""
    s.wait(5, 60)
    return s.csp("APPROVED", item=item, **how)


def not_accepted(s: Script, item: Item | None = None, **how: Unpack[How]) -> PlannedEvent:
    """The CSP refuses the device."""
    s.wait(5, 60)
    detail = s.rng.choice(
        (None, "Hub not known in this region", "Image refused by the hub's supplier")
    )
    return s.csp(s.rng.choice(v.CSP_REFUSALS), item=item, detail=detail, **how)


def transferred(s: Script, item: Item | None = None, **how: Unpack[How]) -> PlannedEvent:
    """The Comms Hub holds the image."""
    s.wait(60, 420)
    return s.csp(s.rng.choice(v.CSP_TRANSFERS), item=item, **how)


def transfer_failed(s: Script, item: Item | None = None, **how: Unpack[How]) -> PlannedEvent:
    """The Comms Hub did not get the image."""
    s.wait(60, 420)
    code = s.rng.choice(v.CSP_TRANSFER_FAILURES)
    detail = "Hub unreachable after 12 attempts. " * (60 if s.rng.random() < 0.05 else 1)
    return s.csp(code, item=item, detail=detail, **how)


def delivered(s: Script, item: Item | None = None, **how: Unpack[HowHeard]) -> PlannedEvent:
    """The device holds the image: the hub says so (8F8A) or the device (8F72)."""
    s.wait(30, 240)
    code, result = s.rng.choice((("8F8A", 0), ("8F8A", 0), ("8F8A", None), ("8F72", None)))
    return s.hub(code, result, item=item, **how)


def not_delivered(s: Script, item: Item | None = None, **how: Unpack[HowHeard]) -> PlannedEvent:
    """The device did not get the image, or refused it."""
    s.wait(30, 240)
    code, result = s.rng.choice(
        (("8F89", 1), ("8F89", 2), ("8F89", 3), ("8F89", None), ("8F1C", None))
    )
    return s.hub(code, result, item=item, **how)


def activated(s: Script, item: Item | None = None, **how: Unpack[HowHeard]) -> PlannedEvent:
    """The device runs the new firmware: reply to 11.3, or the report of a future-dated one."""
    s.wait(30, 300)
    target = (item or s.item).request.firmware_version
    if s.rng.random() < 0.7:
        return s.hub("CS06", 0, item=item, running=target, **how)
    result = s.rng.choice((0, None))
    dated = v.ACTIVATION_MESSAGE
    return s.hub("8F66", result, item=item, message=dated, **how)


def activation_failed(s: Script, item: Item | None = None, **how: Unpack[HowHeard]) -> PlannedEvent:
    """The device went on with its old firmware."""
    s.wait(30, 300)
    old = older_version((item or s.item).request.firmware_version)
    if s.rng.random() < 0.7:
        result = s.rng.choice((1, 2, 3))
        return s.hub("CS06", result, item=item, running=old, **how)
    result_or_none = s.rng.choice((1, 2, 3, None))
    return s.hub("8F67", result_or_none, item=item, message=v.ACTIVATION_MESSAGE, **how)


def version_read(s: Script, version: str, *, unmatched: bool = False) -> PlannedEvent:
    """The device answers an 11.2 with the version it runs."""
    s.wait(30, 300)
    code = "ECS52" if s.device.device_type == "ESME" else "GCS38"
    return s.hub(code, link="nothing", running=version, unmatched=unmatched)


def until(s: Script, stage: int, *, link: Link | None = None) -> PlannedEvent:
    """The usual events up to a stage (1 to 5); returns the one that reached it."""
    last = accepted(s)
    if stage >= 2:
        last = approved(s)
    if stage >= 3:
        last = transferred(s)
    if stage >= 4:
        last = delivered(s, link=link)
    if stage >= 5:
        last = activated(s, link=link)
    return last


def older_version(version: str) -> str:
    """The version before this one."""
    return f"{int(version, 16) - 1:08X}"


def other_version(version: str) -> str:
    """A version of no request in the plan: all of those begin with 0."""
    return f"F{version[1:]}"


def other_hash(image_hash: str) -> str:
    """The hash of an image that was never sent."""
    return f"{int(image_hash, 16) ^ 0xFFFF:064X}"
