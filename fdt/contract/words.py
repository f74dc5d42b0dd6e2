"""The prose of the contract about each topic: who reads it, and what readers may rely on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from schemas.topics import (
    AUDIT,
    COMMS_HUB_EVENTS,
    CSP_EVENTS,
    DEAD_LETTERS,
    DSP_EVENTS,
    READ_SIDE,
    SSMI_EVENTS,
    STATUS,
)


@dataclass(frozen=True, slots=True)
class Words:
    """The prose of one topic."""

    title: str
    description: str
    readers: tuple[str, ...]
    may_rely: tuple[str, ...] = ()
    """What readers of the topic may rely on."""
    may_not_rely: tuple[str, ...] = ()


_EVENT: Final = (
    "Immutable events, any number of times and in any order: one `event_id` counts once. What "
    "cannot "
    "be folded becomes a dead letter and holds nothing up."
)

WORDS: Final[dict[str, Words]] = {
    DSP_EVENTS: Words(
        "Events of the DSP",
        f"What the DSP did with each device of an Update Firmware request; it opens items. "
        f"{_EVENT}",
        ("processor",),
    ),
    CSP_EVENTS: Words(
        "Events of the CSPs",
        f"How far a CSP brought an image on its way to the Comms Hub; it opens items. {_EVENT}",
        ("processor",),
    ),
    COMMS_HUB_EVENTS: Words(
        "Reports of the Comms Hubs",
        "Alerts and responses of devices, with or without the request they belong to. " + _EVENT,
        ("processor",),
    ),
    SSMI_EVENTS: Words(
        "Resets by the DCC",
        f"Ends of tracking, ordered by the Service Centre on the read side. {_EVENT}",
        ("processor",),
    ),
    STATUS: Words(
        "Latest status of each device",
        "The table itself, compacted by Device ID: one record for each device that has anything to "
        "show or to wait for. A record without a value says that nothing is held of the device any "
        "more. Written in transactions.",
        ("processor (recovery)", "query_api", "any consumer that is given the right"),
        (
            "The latest record of a key is the whole truth about that device: `items` replaces "
            "what "
            "was known before. Nothing has to be added up.",
            "With `isolation.level=read_committed`, the offsets of a device's records only grow, "
            "and "
            "a later record is never based on fewer events than an earlier one, but for what the "
            "retention ended.",
            "A tombstone (no value) means that nothing of the device is held; an item that is "
            "missing "
            "in `items` is not held any more, or not shown yet.",
            "The fields of `FirmwareStatus` but `state` keep their names and meaning; new ones "
            "come "
            "with defaults (BACKWARD_TRANSITIVE).",
            "`status` and `completion` are words of the lifecycle table, `evidence` names the "
            "record "
            "behind the status.",
            "All records of a device are in the partition that murmur2 gives its canonical Device "
            "ID.",
        ),
        (
            "`state` is the processor's own packed row. Its layout changes without notice: pass "
            "over it.",
            "Keys that begin with `~` are not devices. `~control` closes each transaction; its "
            "record "
            "is the processor's own.",
            "Reads without `read_committed` see what was never committed.",
            "Not every change is there for long: the topic is compacted, and a consumer that is "
            "late "
            "sees only the latest record. The timeline of an item is on the read side, its events "
            "in "
            "the event topics.",
            "A device may be written again without a change that you can see in `items`.",
            "An item may be past its retention and still stand here until the sweep comes to it; "
            "the "
            "read side hides it by the time of its evidence.",
            "Who may see which request is the read side's rule, not the topic's: it holds the "
            "items of "
            "all suppliers, so a right to read it is a right to read them all.",
        ),
    ),
    DEAD_LETTERS: Words(
        "Records that could not be folded",
        "The key, value and headers of the publisher as they were, and in `dl_` headers where the "
        "record stood and what was wrong. A record without a value that has `dl_settled` says that "
        "the letter at the offset `dl_letter` of the same partition was sent again or dropped.",
        ("fdt dead-letters", "publishers, of what they published themselves"),
        (
            "`dl_topic`, `dl_partition` and `dl_offset` are the place that the broker "
            "acknowledged to "
            "the publisher, and are the same however often the record is refused.",
            "`dl_reason` is one of the codes of docs/dead-letters.md; codes keep their meaning.",
        ),
        (
            "`dl_detail` is a sentence for people, and may be worded otherwise tomorrow.",
            "A record that was larger than a dead letter may be is cut, and has `dl_cut`.",
        ),
    ),
    AUDIT: Words(
        "Who did what on the read side",
        "Every look-up, download, Reset and refusal, under the user's name.",
        ("fdt audit", "query_api (the auditors' page)"),
    ),
    READ_SIDE: Words(
        "What read sides tell each other",
        "Sign-outs, which hold on every instance, and what users took of their limits. All of it "
        "stands in partition 0. Sessions and users are told by digests: neither a "
        "cookie nor a token can be made of one.",
        ("query_api",),
        may_not_rely=("It is between instances of the read side: nobody else reads it.",),
    ),
}
