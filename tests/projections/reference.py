"""A second account of the fold: slow, obvious, and written from the design page alone.

It shares no code with the fold that ships, not even names of statuses: whatever the two agree on,
two readings of the same rules agree on. Each function is one rule and says which.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

HOUR = 3_600_000
DAY = 24 * HOUR

STAGES = [
    ["Rejected by DSP", "Accepted by DSP"],
    ["Not Accepted by CSP", "Approved for Distribution"],
    ["Failed CH Transfer", "Successful CH Transfer"],
    ["Not Delivered at HAN", "Successful HAN Transfer"],
    ["Activation Failed", "Firmware Activated"],
]
"""The lifecycle: in each stage the failure, then the success."""

CODES = {
    ("dsp", "I99", None): "Accepted by DSP",
    ("dsp", "E5", None): "Rejected by DSP",
    ("csp", "APPROVED", None): "Approved for Distribution",
    ("csp", "N18", None): "Not Accepted by CSP",
    ("csp", "N60", None): "Successful CH Transfer",
    ("csp", "N61", None): "Failed CH Transfer",
    ("comms-hub", "8F8A", 0): "Successful HAN Transfer",
    ("comms-hub", "8F72", None): "Successful HAN Transfer",
    ("comms-hub", "8F89", 3): "Not Delivered at HAN",
    ("comms-hub", "CS06", None): None,
    ("comms-hub", "CS06", 0): "Firmware Activated",
    ("comms-hub", "CS06", 3): "Activation Failed",
    ("comms-hub", "GCS38", None): "Firmware Activated",
    ("ssmi", None, None): "Reset by DCC",
}
"""The native codes that the tests send."""

SOURCES = ["dsp", "csp", "comms-hub", "ssmi"]


@dataclass(frozen=True)
class Record:
    """A record of a source topic, as the log holds it."""

    source: str
    fields: dict[str, Any]
    received_at: int
    offset: int


@dataclass(frozen=True)
class Entry:
    """One line of a timeline."""

    source: str
    event_id: str
    status: str | None
    marks: frozenset[str]
    occurred_at: int
    received_at: int
    offset: int
    copies: int


@dataclass(frozen=True)
class Item:
    """Everything that is shown of one request on the device."""

    request_id: str
    device_type: str
    version: str
    status: str
    completion: str
    updated_at: int
    evidence: tuple[str, str, int]
    """Source, event ID, offset."""
    timeline: tuple[Entry, ...]
    not_kept: int


@dataclass(frozen=True)
class Answer:
    """Everything that is shown of the device."""

    items: tuple[Item, ...]
    """Newest first."""
    unmatched: tuple[Entry, ...]


# --- what one record says ---


def event_id(r: Record) -> str:
    """An event's UUID, in canonical lower case."""
    text: str = r.fields["event_id"]
    return text.lower()


def identity(r: Record) -> tuple[str, int]:
    """Rule 1: (topic, event id)."""
    return event_id(r), SOURCES.index(r.source)


def place(r: Record) -> tuple[int, tuple[str, int], int]:
    """As received; the event ID settles what came in the same millisecond."""
    return r.received_at, identity(r), r.offset


def at(r: Record) -> int:
    """Rule 7: a time that cannot be right counts as the received time."""
    claimed: int = r.fields["occurred_at"]
    too_new = claimed - r.received_at > HOUR
    too_old = r.received_at - claimed > 2 * DAY
    return r.received_at if too_new or too_old else claimed


def when(r: Record) -> tuple[int, tuple[str, int]]:
    """By time of the event, then by event ID."""
    return at(r), identity(r)


def status(r: Record) -> str | None:
    """The Processing Status that a record reports."""
    return CODES[r.source, r.fields.get("code"), r.fields.get("result_code")]


def stage(word: str | None) -> int:
    """1 to 5; 0 without one."""
    return next((n for n, words in enumerate(STAGES, 1) if word in words), 0)


def success(word: str | None) -> bool:
    """Whether a status is the good one of its stage."""
    return any(word == words[1] for words in STAGES)


def opens(r: Record) -> bool:
    """Rule 2: only the DSP and the CSP open an item."""
    return r.source in ("dsp", "csp")


def version(r: Record) -> str | None:
    """The target; of a claim of activation the version that runs, where it is said."""
    if status(r) == "Firmware Activated" and r.fields["running_version"] is not None:
        return str(r.fields["running_version"])
    found: str | None = r.fields.get("firmware_version")
    return found


# --- rule 6: the cap ---


def group(r: Record) -> str:
    """Hub reports are bounded together, all else by its request."""
    return "hub" if r.source == "comms-hub" else str(r.fields["service_request_id"])


def kept(records: list[Record], cap: int) -> list[Record]:
    """The first ones received, and of each kind and day the first and the last that happened."""
    chosen = sorted(records, key=place)[:cap]
    for r in records:
        rivals = [other for other in records if kind(other) == kind(r)]
        ends = [min(rivals, key=happened), max(rivals, key=happened)]
        if r in ends and r not in chosen:
            chosen.append(r)
    return chosen


def kind(r: Record) -> tuple[Any, ...]:
    """All that the answer is made of, and the day."""
    named = r.fields["service_request_id"]
    told = ("firmware_version", "running_version", "image_hash", "device_type")
    return (r.source, status(r), named, *map(r.fields.get, told), at(r) // DAY)


def happened(r: Record) -> tuple[Any, ...]:
    """By time of the event; the place settles what copies leave open."""
    return (at(r), *identity(r), r.received_at, r.offset)


# --- the fold ---


def fold(records: list[Record], cap: int = 10**9) -> Answer:
    """Everything that is shown of a device, from the records about it."""
    groups = {group(r): [other for other in records if group(other) == group(r)] for r in records}
    chosen = {name: kept(found, cap) for name, found in groups.items()}
    dropped = {name: min(1000, len(groups[name]) - len(chosen[name])) for name in groups}
    held = [r for found in chosen.values() for r in found]
    items, assigned, unmatched = matched(held)
    shown = [
        item(name, items, assigned[name], held, dropped.get(name, 0) + dropped.get("hub", 0))
        for name in items
    ]
    return Answer(
        tuple(i for i in shown if i is not None),
        tuple(entry(r, set(), held) for r in sorted(unmatched, key=place)),
    )


Items = dict[str, list[Record]]


def matched(held: list[Record]) -> tuple[Items, Items, list[Record]]:
    """Items, newest first, with the records that name them; what else they have; what waits."""
    events = [r for r in held if r == min(copies_of(r, held), key=place)]
    opened = {r.fields["service_request_id"] for r in events if opens(r)}
    items = newest_first({name: own(name, events) for name in opened})
    loose = [r for r in events if not opens(r) and r.fields["service_request_id"] not in opened]
    assigned: Items = {name: [] for name in opened}
    unmatched: list[Record] = []
    for r in loose:
        owner = owner_of(r, items)
        (unmatched if owner is None else assigned[owner]).append(r)
    return items, assigned, unmatched


def copies_of(r: Record, held: list[Record]) -> list[Record]:
    """Rule 1: all records of the same event."""
    return [other for other in held if identity(other) == identity(r)]


def own(name: str, events: list[Record]) -> list[Record]:
    """The records that name a request."""
    return [r for r in events if r.fields["service_request_id"] == name]


def accepted(found: list[Record]) -> int | None:
    """When DSP or CSP first took an item on."""
    refusals = ("Rejected by DSP", "Not Accepted by CSP")
    return min((at(r) for r in found if opens(r) and status(r) not in refusals), default=None)


def newest_first(items: dict[str, list[Record]]) -> dict[str, list[Record]]:
    """By acceptance, those without one last; then by request ID."""

    def age(name: str) -> tuple[float, str]:
        time = accepted(items[name])
        return (float("-inf") if time is None else time, name)

    return {name: items[name] for name in sorted(items, key=age, reverse=True)}


def first(found: list[Record], wanted: Callable[[Record], Any] = lambda r: True) -> Record | None:
    """Rule 8: the earliest DSP event, before that the earliest CSP event."""
    for source in ("dsp", "csp"):
        fitting = [r for r in found if r.source == source and wanted(r)]
        if fitting:
            return min(fitting, key=when)
    return None


def target(found: list[Record]) -> str:
    """Rule 8: the version of an item."""
    described = first(found)
    assert described is not None
    return str(described.fields["firmware_version"])


def owner_of(r: Record, items: dict[str, list[Record]]) -> str | None:
    """Rule 5: the newest item that matches and was accepted no later than the report."""
    if r.source == "ssmi":
        return None
    for name, found in items.items():
        time = accepted(found)
        if time is not None and time <= at(r) + HOUR and matches(r, target(found), items):
            return name
    return None


def matches(r: Record, wanted: str, items: dict[str, list[Record]]) -> bool:
    """By version, else by a hash known for it, else any."""
    if version(r) is not None:
        return version(r) == wanted
    image = r.fields.get("image_hash")
    if image is None:
        return True
    known = [e for found in items.values() for e in found if e.source == "dsp"]
    return any(e.fields["image_hash"] == image and version(e) == wanted for e in known)


def item(
    name: str, items: Items, loose: list[Record], held: list[Record], dropped: int
) -> Item | None:
    """One item; none while its device type is not known (rule 8)."""
    found = items[name]
    typed = first(found, lambda r: r.fields.get("device_type"))
    if typed is None:
        return None
    everything = believed(found + loose, target(found), items)
    run = last_run(everything)
    claimed = {identity(r) for r in loose}
    evidence = min(run, key=when)
    word = status(evidence)
    assert word is not None
    lines = [
        entry(r, marks(r, run, identity(r) in claimed), held) for r in sorted(everything, key=place)
    ]
    return Item(
        request_id=name,
        device_type=typed.fields["device_type"],
        version=target(found),
        status=word,
        completion=completion(word),
        updated_at=at(evidence),
        evidence=(evidence.source, event_id(evidence), evidence.offset),
        timeline=tuple(lines),
        not_kept=dropped,
    )


def believed(everything: list[Record], wanted: str, items: Items) -> list[Record]:
    """I15: an activation of another version or image is nothing but a line of the timeline."""
    claims = [r for r in everything if status(r) == "Firmware Activated"]
    false = [r for r in claims if speaks_of_another(r, wanted, items)]
    return [silent(r) if r in false else r for r in everything]


def speaks_of_another(r: Record, wanted: str, items: Items) -> bool:
    """By its version; without one by its image, as far as the DSP tells which belongs to which."""
    image = r.fields["image_hash"]
    if version(r) is not None or image is None:
        return version(r) not in (None, wanted)
    told = {
        (e.fields["image_hash"], version(e))
        for found in items.values()
        for e in found
        if e.source == "dsp" and e.fields["image_hash"] is not None
    }
    return (image, wanted) not in told and any(o == image or v == wanted for o, v in told)


def silent(r: Record) -> Record:
    """The same record with a code that reports no status."""
    said_nothing = {"code": "CS06", "result_code": None}
    return Record(r.source, r.fields | said_nothing, r.received_at, r.offset)


def last_run(everything: list[Record]) -> list[Record]:
    """Rules 3 and 4: the records that make the status."""
    for final in ("Reset by DCC", "Firmware Activated"):
        finals = [r for r in everything if status(r) == final]
        if finals:
            return finals
    furthest = max(stage(status(r)) for r in everything)
    rivals = [r for r in everything if stage(status(r)) == furthest]
    rivals.sort(key=lambda r: (at(r), success(status(r)), event_id(r)))
    run: list[Record] = []
    for r in reversed(rivals):
        if status(r) != status(rivals[-1]):
            break
        run.append(r)
    return run


def completion(word: str) -> str:
    """The Completion Status beside a Processing Status."""
    if word == "Firmware Activated":
        return "Complete"
    return "In Progress" if success(word) else "Failed"


def marks(r: Record, run: list[Record], loose: bool) -> set[str]:
    """Rule 6: why a record did not become the status."""
    if r in run:
        return set()
    evidence = min(run, key=when)
    if status(evidence) == "Reset by DCC":
        return {"after-reset"} if loose or at(r) > at(evidence) else set()
    if status(r) is None:
        return set()
    if stage(status(r)) == stage(status(evidence)):
        return {"superseded"}
    return {"late"} if at(r) >= at(evidence) else set()


def entry(r: Record, why: set[str], held: list[Record]) -> Entry:
    """A line of a timeline."""
    skewed = {"clock-skew"} if at(r) != r.fields["occurred_at"] else set()
    return Entry(
        source=r.source,
        event_id=event_id(r),
        status=status(r),
        marks=frozenset(why | skewed),
        occurred_at=r.fields["occurred_at"],
        received_at=r.received_at,
        offset=r.offset,
        copies=len(copies_of(r, held)) - 1,
    )
