"""The explanation and the remedy of each kind of problem, for ``/openapi.json`` and the manual."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Words:
    """The explanation of one kind of problem."""

    meaning: str
    mend: str
    detail: str
    """An example of ``detail``."""
    again: str = "no"
    """Whether the same request may be answered later."""
    on_pages: bool = False
    """It occurs on pages only, never in the API."""


AFTER_A_WHILE: Final = "after `Retry-After`"

WORDS: Final[dict[str, Words]] = {
    "invalid-criterion": Words(
        "The value is no Service Request ID or Device ID.",
        "Send the whole identifier as the DCC writes it.",
        "device_id: Not a valid Device ID: enter eight pairs of hexadecimal digits joined by '-', "
        "for example 00-DB-12-34-56-78-90-A0.",
    ),
    "one-criterion": Words(
        "A list, a wildcard, two criteria or none.",
        "Ask once for each value; follow a whole request with its pages instead.",
        "device_id: Give one Device ID, not a list: ask once for each value.",
    ),
    "invalid-body": Words(
        "The body is no JSON object.",
        "Send one object with the fields of the document.",
        "The body cannot be used. It is not a JSON object: send it again.",
    ),
    "unknown-parameter": Words(
        "The address does not take a parameter of that name.",
        "Leave it out; `detail` lists those that there are.",
        "This address takes completion, cursor, limit, status.",
    ),
    "not-signed-in": Words(
        "There is no access token, or it is not sent as `Authorization: Bearer …`.",
        "Get one from the identity provider.",
        "Send an access token of the identity provider: Authorization: Bearer <token>.",
    ),
    "invalid-token": Words(
        "The token is expired, of another issuer or audience, or not signed by a key of the "
        "issuer.",
        "Get a new one. If it is new, compare `iss` and `aud` with what the operator says.",
        "The access token is refused. It has expired: sign in again.",
    ),
    "forbidden": Words(
        "The token carries no role, or not the role that this needs.",
        "Ask whoever gives out the roles; asking again changes nothing.",
        "Your account has no role for Firmware Distribution Tracking.",
    ),
    "csrf": Words(
        "A form came without the session's own token.",
        "Load the page again and send its form.",
        "The form is from another session: load the page again.",
        on_pages=True,
    ),
    "not-found": Words(
        "Nothing is held for you under this ID. Unknown, foreign and expired IDs look the same.",
        "Check the ID; older than the retention: the Service Audit Trail.",
        "No firmware update of the last 30 days is held for you under this ID. Check the ID; for "
        "anything older see the Service Audit Trail.",
    ),
    "no-such-path": Words(
        "There is no such address.",
        "See `/openapi.json`.",
        "See /openapi.json for the addresses that this server answers.",
    ),
    "method-not-allowed": Words(
        "The address does not take that method.",
        "Use one of those in `Allow`.",
        "Use GET, HEAD here.",
    ),
    "too-slow": Words(
        "The body took too long to arrive.",
        "Send it again, with the same `Idempotency-Key`.",
        "The body cannot be used. It did not arrive within 10 seconds: send it again.",
        "at once",
    ),
    "status-changed": Words(
        "The item has another evidence than `seen_event_id`.",
        "Read the item again, decide again, and send the new `evidence.event_id`.",
        "The item now shows Firmware Activated: read it again, and send its evidence.event_id if "
        "it is "
        "still to be reset.",
    ),
    "already-reset": Words(
        "Somebody has reset the item.",
        "Nothing is left to do.",
        "The item shows Reset by DCC: there is nothing left to reset.",
    ),
    "confirmation-needed": Words(
        "The status is final (`Firmware Activated` or a failure), and resetting it is rare.",
        "Send `confirm_final: true`, if that is meant.",
        "Firmware Activated is final: send confirm_final true if it is to be reset.",
    ),
    "too-large": Words(
        "The body, or a header, is larger than is taken.",
        "Send less; a reason has at most 500 characters.",
        "Send at most 16384 bytes.",
    ),
    "unsupported-media-type": Words(
        "The body is not said to be JSON.",
        "Send `Content-Type: application/json`.",
        "Send the body as application/json.",
    ),
    "invalid-reset": Words(
        "A field of the Reset, or its `Idempotency-Key`, cannot be used.",
        "`detail` begins with the field's name.",
        "reason: Enter a reason.",
    ),
    "invalid-parameter": Words(
        "A query parameter has a value that it does not take.",
        "`detail` names the parameter and what it takes.",
        "limit: Input should be less than or equal to 500.",
    ),
    "too-many": Words(
        "This user has asked more often than the limit; other users are not held up.",
        "Wait for `Retry-After` seconds. `RateLimit` tells how many are left before.",
        "You have made more than 120 searches in a minute. Try again in 7 seconds.",
        AFTER_A_WHILE,
    ),
    "internal-error": Words(
        "A defect of ours.",
        "Tell the DCC Service Desk, with the time of day.",
        "This is a defect on our side: report it with the time of day.",
    ),
    "sign-in-unavailable": Words(
        "The identity provider cannot be reached, to check a token or to sign in at the screen; or "
        "the screen cannot tell who has signed out elsewhere.",
        "Try again in a moment.",
        "The identity provider cannot be reached to check the token: try again in a moment.",
        AFTER_A_WHILE,
    ),
    "not-recorded": Words(
        "The broker did not take the Reset in time: whether it will be there is not known.",
        "Send it again with the same `Idempotency-Key`: it takes effect once.",
        "The broker did not confirm the reset: send it again with the same Idempotency-Key. If it "
        "was "
        "recorded after all, that does no harm.",
        AFTER_A_WHILE,
    ),
    "audit-full": Words(
        "What is asked is written down, and there is no room for that.",
        "Try again in a minute; the operator is told by the metrics.",
        "What is asked is written down, and that cannot be done at the moment: try again in a "
        "minute, and tell the DCC Service Desk if it stays so.",
        AFTER_A_WHILE,
    ),
    "log-unavailable": Words(
        "The auditors' page cannot read the audit trail.",
        "Try again when the broker is back.",
        "The access log cannot be read at the moment.",
        AFTER_A_WHILE,
        on_pages=True,
    ),
    "not-ready": Words(
        "The server has started and reads the status topic.",
        "Ask another instance, or again after `Retry-After`.",
        "The read side has not caught up since it started (1200 offsets of the status topic are "
        "still to be read): ask again in a moment.",
        AFTER_A_WHILE,
    ),
    "in-trouble": Words(
        "A thread or client of the server has failed; only `/readyz` says so.",
        "Ask another instance; this one ends or mends itself.",
        "audit: the broker refuses the credentials",
        AFTER_A_WHILE,
    ),
    "other": Words(
        "The HTTP library refused the request.",
        "`detail` is its own sentence.",
        "There was an error parsing the body",
        on_pages=True,
    ),
}
