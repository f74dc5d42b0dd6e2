"""*Reset by DCC*: the fields of a reset, when one is accepted, and its event.

The event is durable before the answer is sent. Its ID is derived from the operator, the item and
the idempotency key. A second click, also at another read side, therefore publishes at most a copy
of the same event, which the fold counts once.
"""

from __future__ import annotations

import re
import threading
import time
import uuid
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from projections.events import DETAIL_LIMIT
from projections.lifecycle import Completion, Status
from projections.views import ItemView
from query_api.audit.entry import Action, Outcome, wall_ms
from query_api.identity.access import Caller, require_reset
from query_api.queries.query_service import QueryService
from query_api.queries.reads import NothingHeld
from query_api.resets.publishing import NotDurable, Place, Publisher
from query_api.web.problems import RETRY_AFTER_S, Problem
from schemas.event_ids import event_id_text, parse_event_id
from schemas.identifiers import (
    DeviceId,
    InvalidIdentifier,
    ServiceRequestId,
)

LONGEST_REASON: Final = 500
LONGEST_REFERENCE: Final = 40
LONGEST_KEY: Final = 200
SHOWN_WITHIN_S: Final = 1.5
"""Longest wait for the view to show the reset, before the answer is sent without it."""

_LOOK_S: Final = 0.02
_DONE_HELD: Final = 10_000
_LONGEST_SIGN: Final = 4
"""Bytes in UTF-8: a detail is cut before a sign that is not whole."""
_NAMESPACE: Final = uuid.UUID("0b0f5a86-1a39-5d7f-8a5e-6c1e2f5a9d11")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class InvalidReset(ValueError):
    """A field is not valid; ``field`` names it, and the message says how to correct it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class ResetOrder:
    """The operator's input for one reset."""

    device: DeviceId
    request: ServiceRequestId
    reason: str
    incident_reference: str
    seen_event_id: str
    """Event ID of the evidence for the status that the operator saw."""
    key: str
    """Idempotency key: the same for every attempt to send one decision."""
    confirmed: bool
    """Whether the operator confirmed the reset of a final status."""


@dataclass(frozen=True, slots=True)
class Done:
    """A durable reset."""

    event_id: str
    place: Place
    shown: bool
    """Whether the view shows it."""


def reason_of(text: str) -> str:
    """The reason, trimmed and checked; :class:`InvalidReset`."""
    return _text("reason", "Enter the reason for the reset", text, LONGEST_REASON)


def reference_of(text: str) -> str:
    """The incident reference, trimmed and checked; :class:`InvalidReset`."""
    return _text(
        "incident_reference",
        "Enter the incident reference, for example INC000012345",
        text,
        LONGEST_REFERENCE,
    )


def seen_event_of(text: str) -> str:
    """The event ID in canonical form; :class:`InvalidReset`."""
    try:
        return event_id_text(parse_event_id(text))
    except InvalidIdentifier as error:
        raise InvalidReset(
            "seen_event_id", "Send evidence.event_id of the item as you read it"
        ) from error


def key_of(text: str) -> str:
    """The idempotency key; :class:`InvalidReset`."""
    text = text.strip()
    if not text or len(text) > LONGEST_KEY or not text.isprintable() or not text.isascii():
        raise InvalidReset(
            "Idempotency-Key",
            "Send a header Idempotency-Key of up to 200 characters, a new one for each decision, "
            "such as a UUID",
        )
    return text


def is_final(status: Status) -> bool:
    """Whether resetting this status needs a confirmation."""
    return status.completion is Completion.COMPLETE or status is Status.REJECTED_BY_DSP


class Resets:
    """Carries out resets. Safe for many threads."""

    def __init__(self, queries: QueryService, publisher: Publisher) -> None:
        self._queries = queries
        self._publisher = publisher
        self._lock = threading.Lock()
        self._done: OrderedDict[str, tuple[ResetOrder, Place]] = OrderedDict()

    def reset(self, caller: Caller, order: ResetOrder) -> Done:
        """Reset an item. Raises :class:`Forbidden`, :class:`NothingHeld`, or a problem that says
        why it is refused."""
        self.require(caller, order.device, order.request)
        event_id = self._event_id(caller, order)
        place = self._known(event_id, order)
        if place is None:
            place = self._publish(caller, order, event_id)
        return Done(event_id, place, self._wait_until_shown(caller, order))

    def require(self, caller: Caller, device: DeviceId, request: ServiceRequestId) -> None:
        """:class:`Forbidden`, with an audit entry, unless the caller is the Service Centre. Checked
        before the item is looked up, so that the answer does not reveal whether it exists."""
        self._queries.require(caller, require_reset, f"reset {device} {request}")

    def _publish(self, caller: Caller, order: ResetOrder, event_id: str) -> Place:
        criterion = f"{order.device} {order.request} {order.incident_reference}"
        try:
            done = self._check(caller, order, event_id)
            place = done or self._publisher.publish(self._event(caller, order, event_id))
        except NothingHeld:
            self._queries.auditor.note(caller, Action.RESET, criterion, Outcome.EMPTY)
            raise
        except Problem:
            self._queries.auditor.note(caller, Action.RESET, criterion, Outcome.REFUSED)
            raise
        except NotDurable as error:
            self._queries.auditor.note(caller, Action.RESET, criterion, Outcome.FAILED)
            raise _not_recorded() from error
        self._queries.auditor.note(caller, Action.RESET, criterion, Outcome.ACCEPTED, 1)
        self._remember(event_id, order, place)
        return place

    def _check(self, caller: Caller, order: ResetOrder, event_id: str) -> Place | None:
        """The place of the event if this reset was done before, else ``None``; a problem if the
        item's status is not the one that the operator saw, or needs a confirmation."""
        item = self._item(caller, order)
        evidence = item.evidence
        if evidence.event_id == event_id:
            _require_same(item, order)
            return Place(evidence.topic, evidence.partition, evidence.offset)
        if item.status is Status.RESET_BY_DCC:
            raise Problem(
                "already-reset", "The item shows Reset by DCC: there is nothing left to reset."
            )
        if evidence.event_id != order.seen_event_id:
            raise Problem(
                "status-changed",
                f"The item now shows {item.status.label}: read it again, and send its "
                "evidence.event_id if it is still to be reset.",
            )
        if is_final(item.status) and not order.confirmed:
            raise Problem(
                "confirmation-needed",
                f"{item.status.label} is final: send confirm_final true if it is to be reset.",
            )
        return None

    def _item(self, caller: Caller, order: ResetOrder) -> ItemView:
        with self._queries.reads.snapshot() as snapshot:
            return snapshot.item(caller, order.device, order.request).item

    def _event(self, caller: Caller, order: ResetOrder, event_id: str) -> dict[str, str | int]:
        return {
            "event_id": event_id,
            "service_request_id": str(order.request),
            "device_id": str(order.device),
            "operator": caller.shown_name,
            "reason": order.reason,
            "incident_reference": order.incident_reference,
            "seen_event_id": order.seen_event_id,
            "occurred_at": wall_ms(),
        }

    def _event_id(self, caller: Caller, order: ResetOrder) -> str:
        words = (caller.subject, order.device, order.request, order.key)
        return str(uuid.uuid5(_NAMESPACE, "\n".join(words)))

    def _known(self, event_id: str, order: ResetOrder) -> Place | None:
        """The place of the event of this key, if this instance has published it."""
        with self._lock:
            known = self._done.get(event_id)
        if known is None:
            return None
        if known[0] != order:
            raise _key_of_another()
        return known[1]

    def _remember(self, event_id: str, order: ResetOrder, place: Place) -> None:
        with self._lock:
            self._done[event_id] = (order, place)
            if len(self._done) > _DONE_HELD:
                self._done.popitem(last=False)

    def _wait_until_shown(self, caller: Caller, order: ResetOrder) -> bool:
        """Whether the view shows the reset within :data:`SHOWN_WITHIN_S`."""
        deadline = time.monotonic() + SHOWN_WITHIN_S
        while time.monotonic() < deadline:
            try:
                if self._item(caller, order).status is Status.RESET_BY_DCC:
                    return True
            except NothingHeld:
                return False
            time.sleep(_LOOK_S)
        return False


def _require_same(item: ItemView, order: ResetOrder) -> None:
    """A problem if the reset that the item shows, whichever instance took it, had another reason or
    incident, as far as a row keeps them (:mod:`projections.events`: at most 1 KiB)."""
    said = f"{order.reason} (incident {order.incident_reference}, by "
    for entry in item.timeline:
        if entry.evidence == item.evidence and entry.detail is not None:
            kept = entry.detail
            is_cut = len(kept.encode()) > DETAIL_LIMIT - _LONGEST_SIGN
            if not kept.startswith(said) and not (is_cut and said.startswith(kept[:-1])):
                raise _key_of_another()


def _key_of_another() -> Problem:
    return Problem(
        "invalid-reset",
        "Idempotency-Key: this key came with another reason, incident or event before: use a new "
        "key for a new decision.",
    )


def _text(field: str, missing: str, text: str, longest: int) -> str:
    text = text.strip()
    if not text:
        raise InvalidReset(field, missing)
    if len(text) > longest:
        raise InvalidReset(field, f"Use at most {longest} characters; there are {len(text)}")
    if _CONTROL.search(text):
        raise InvalidReset(field, "Use one line of plain text, without control characters")
    return text


def _not_recorded() -> Problem:
    return Problem(
        "not-recorded",
        "The broker did not confirm the reset: send it again with the same Idempotency-Key. If it "
        "was recorded after all, that does no harm.",
        {"Retry-After": str(RETRY_AFTER_S)},
    )
