"""The operations of which journeys are written: events of a device, then the expected end.

A journey publishes the events of one device on a virtual clock (``wait`` advances it), names the
item of each event, and closes with ``ends`` for every item. Codes, delays and spellings that it
leaves open are drawn from the plan's seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, Literal, TypedDict, Unpack
from uuid import UUID

from schemas.topics import Source
from sources.planning import vocabulary as v
from sources.planning.events import PlannedEvent, Resend
from sources.planning.identifier_spellings import roughly
from sources.planning.oracle import Expected, Marked, ending
from sources.schedule import HORIZON_MS, LAST_PUBLICATION_MS

Link = Literal["request", "version", "hash", "nothing", "foreign"]
"""How a hub report names its request: by ID, by target version, by image hash, not at all, or by
the ID of the activation request (11.3) that it answers."""

_LINKS: Final[Sequence[Link]] = ("request", "request", "request", "version", "version", "hash",
                                 "nothing", "foreign")  # fmt: skip
_STRAGGLERS: Final = 0.16
"""Share of events that are published hours late, after events that follow them."""
_ROUGHLY_SPELLED: Final = 0.04


@dataclass(frozen=True, slots=True)
class PlannedRequest:
    """An Update Firmware request: one image for the devices of its list."""

    request_id: str
    originator: str
    firmware_version: str
    image_hash: str
    opens_ms: int


@dataclass(frozen=True, slots=True)
class PlannedDevice:
    """A meter and its Comms Hub."""

    device_id: str
    device_type: str
    csp_region: str
    comms_hub_id: str


@dataclass(frozen=True, slots=True)
class Campaign:
    """A supplier's request, and its later ones for devices that are sent again."""

    first: PlannedRequest
    again: PlannedRequest
    """The same firmware."""
    newer: PlannedRequest
    """Newer firmware."""


@dataclass(slots=True, eq=False)
class Item:
    """One request on the journey's device, with its events so far."""

    request: PlannedRequest
    events: list[PlannedEvent] = field(default_factory=list)


class How(TypedDict, total=False):
    """Optional properties of an event."""

    delay: float | None
    """Minutes from event to publication."""
    skew_ms: int | None
    """Error of its source's clock, in milliseconds."""


class HowHeard(How, total=False):
    """Optional properties of a report of a device or its hub."""

    link: Link | None
    """How the report names its request."""


class Script:
    """The journey of one device, to which events are added."""

    def __init__(self, rng: Random, device: PlannedDevice, campaign: Campaign) -> None:
        self.rng = rng
        self.device = device
        self.campaign = campaign
        self.pace = 1.0
        """Factor on every wait, smaller in a journey through several requests."""
        self.now = campaign.first.opens_ms + rng.randrange(10 * v.MINUTE_MS)
        self.item = Item(campaign.first)
        """The item of events without an explicit one."""
        self.events: list[PlannedEvent] = []
        self.expected: dict[tuple[str, str], Expected] = {}
        self.hidden: set[tuple[str, str]] = set()
        self.unmatched: set[str] = set()

    # --- time -----------------------------------------------------------------------------------

    def wait(self, least: float, most: float) -> None:
        """Advance by ``least`` to ``most`` minutes, times the journey's pace."""
        self.wait_exactly(self.rng.uniform(least, most) * self.pace)

    def wait_exactly(self, minutes: float) -> None:
        """Advance by ``minutes``, without the pace."""
        self.now += max(1, int(minutes * v.MINUTE_MS))

    # --- events ---------------------------------------------------------------------------------

    def dsp(
        self,
        code: str,
        *,
        item: Item | None = None,
        firmware_version: str | None = None,
        resend: Resend | None = None,
        **how: Unpack[How],
    ) -> PlannedEvent:
        """The DSP accepts or rejects the device."""
        item = item or self.item
        request = item.request
        fields = {
            "service_request_id": request.request_id,
            "service_reference_variant": "11.1",
            "device_type": self.device.device_type,
            "firmware_version": firmware_version or request.firmware_version,
            "image_hash": request.image_hash,
            "code": code,
            "detail": None,
        }
        return self._emit(Source.DSP, fields, item, resend=resend, **how)

    def csp(
        self,
        code: str,
        *,
        item: Item | None = None,
        detail: str | None = None,
        firmware_version: str | None = None,
        tells_type: bool | None = None,
        **how: Unpack[How],
    ) -> PlannedEvent:
        """The CSP reports. It gives the device type in two of three events, or by
        ``tells_type``."""
        item = item or self.item
        if tells_type is None:
            tells_type = self.rng.random() < 0.66
        fields = {
            "service_request_id": item.request.request_id,
            "device_type": self.device.device_type if tells_type else None,
            "firmware_version": firmware_version or item.request.firmware_version,
            "csp_region": self.device.csp_region,
            "comms_hub_id": self.device.comms_hub_id,
            "code": code,
            "detail": detail,
        }
        return self._emit(Source.CSP, fields, item, **how)

    def hub(
        self,
        code: str,
        result: int | None = None,
        *,
        link: Link | None = None,
        item: Item | None = None,
        unmatched: bool = False,
        delay: float | None = None,
        running: str | None = None,
        message: str | None = None,
        skew_ms: int | None = None,
        **named: str | None,
    ) -> PlannedEvent:
        """A device or its hub reports; ``named`` overrides the fields that name its request."""
        item = item or self.item
        chosen: Link = self.rng.choice(_LINKS) if link is None else link
        fields: dict[str, Any] = {
            **self._named(chosen, item.request),
            "running_version": running,
            "comms_hub_id": self.device.comms_hub_id,
            "code": code,
            "result_code": result,
            "message_code": message,
            "detail": None,
            **named,
        }
        home = None if unmatched else item
        return self._emit(Source.COMMS_HUB, fields, home, delay=delay, skew_ms=skew_ms)

    def reset(
        self, *, item: Item | None = None, seen: PlannedEvent | None = None,
        unmatched: bool = False, request_id: str | None = None, delay: float | None = None,
    ) -> PlannedEvent:  # fmt: skip
        """The Service Centre resets the item."""
        item = item or self.item
        fields = {
            "service_request_id": request_id or item.request.request_id,
            "operator": self.rng.choice(("s.khan", "j.doyle", "m.osei")),
            "reason": self.rng.choice(
                ("Supplier disputes the status", "Device replaced on site", "Stuck after hub swap")
            ),
            "incident_reference": f"INC{self.rng.randrange(10**9):012d}",
            "seen_event_id": seen.event_id if seen else None,
        }
        return self._emit(Source.SSMI, fields, None if unmatched else item, delay=delay)

    def _named(self, link: Link, request: PlannedRequest) -> dict[str, str | None]:
        names: dict[str, str | None] = {
            "service_request_id": None,
            "firmware_version": None,
            "image_hash": None,
        }
        if link == "request":
            names["service_request_id"] = request.request_id
        elif link == "version":
            names["firmware_version"] = request.firmware_version
        elif link == "hash":
            names["image_hash"] = request.image_hash
        elif link == "foreign":
            names["service_request_id"] = self.activation_request(request)
        return names

    def activation_request(self, request: PlannedRequest) -> str:
        """The ID of an activation request (11.3) for this device; it opens no item."""
        counter = 1_700_000_000_000 + self.rng.randrange(10**12)
        return f"{request.originator}:{self.device.device_id}:{counter}"

    def _emit(
        self,
        source: Source,
        fields: dict[str, Any],
        item: Item | None,
        *,
        delay: float | None = None,
        resend: Resend | None = None,
        skew_ms: int | None = None,
    ) -> PlannedEvent:
        if self.now > HORIZON_MS:
            raise ValueError(f"a journey of {self.device.device_id} runs past the plan's horizon")
        rng = self.rng
        event_id = str(UUID(int=rng.getrandbits(128), version=4))
        code = fields.get("code")
        result = fields.get("result_code")
        fields = {"event_id": event_id, "device_id": self.device.device_id, **fields}
        if rng.random() < _ROUGHLY_SPELLED:
            fields = roughly(rng, fields)
        event = PlannedEvent(
            source=source,
            event_id=event_id,
            device_id=self.device.device_id,
            fields=fields,
            occurred_ms=self.now,
            publish_ms=min(self.now + self._delay_ms(delay), LAST_PUBLICATION_MS),
            skew_ms=skew_ms,
            resend=resend,
            code=code,
            result_code=result,
        )
        self.events.append(event)
        if item is None:
            self.unmatched.add(event_id)
        else:
            item.events.append(event)
        return event

    def _delay_ms(self, minutes: float | None) -> int:
        if minutes is not None:
            return int(minutes * v.MINUTE_MS)
        if self.rng.random() < _STRAGGLERS:
            return self.rng.randrange(v.HOUR_MS, 9 * v.HOUR_MS)
        return self.rng.randrange(1_000, v.MINUTE_MS)

    # --- endings --------------------------------------------------------------------------------

    def ends(
        self,
        status: v.Status,
        evidence: PlannedEvent,
        *,
        item: Item | None = None,
        late: Sequence[PlannedEvent] = (),
        superseded: Sequence[PlannedEvent] = (),
        after_reset: Sequence[PlannedEvent] = (),
    ) -> None:
        """Expect the item to have ``status`` since ``evidence``, and marks on these events."""
        item = item or self.item
        self.expected[(item.request.request_id, self.device.device_id)] = ending(
            status,
            evidence,
            firmware_version=item.request.firmware_version,
            device_type=self.device.device_type,
            events=item.events,
            marked=Marked(tuple(late), tuple(superseded), tuple(after_reset)),
        )

    def stays_hidden(self) -> None:
        """Expect the item to be kept and not served, because its device type is unknown."""
        item = self.item
        self.hidden.add((item.request.request_id, self.device.device_id))
