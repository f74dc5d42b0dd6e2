"""Access rules: which caller may see or do what. Every decision about access is made here.

A supplier sees the requests that the User IDs of its organisation originated. The Service Centre
and auditors see every request, and the reports that belong to no request.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from schemas.identifiers import Eui64, ServiceRequestId


class Role(StrEnum):
    """Roles in a token; a user may have several."""

    SUPPLIER = "supplier"
    SERVICE_CENTRE = "service-centre"
    AUDITOR = "auditor"


class Forbidden(Exception):
    """The caller lacks a right; the message says which role is missing."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A signed-in user, by the claims of the token."""

    subject: str
    user_ids: frozenset[Eui64]
    """User IDs of the organisation."""
    roles: frozenset[Role]
    name: str = ""
    """Display name from the identity provider."""

    @property
    def shown_name(self) -> str:
        """The display name, or the subject if there is none."""
        return self.name or self.subject

    @property
    def sees_everything(self) -> bool:
        """Whether the caller sees the requests of every owner, and reports without an owner."""
        return bool(self.roles & {Role.SERVICE_CENTRE, Role.AUDITOR})


def require_reader(caller: Caller) -> None:
    """:class:`Forbidden` unless the caller has a role that may read."""
    if caller.sees_everything:
        return
    if Role.SUPPLIER not in caller.roles:
        raise Forbidden(
            "Your token carries none of the roles "
            f"{', '.join(Role)}: ask your administrator to give you one of them."
        )
    if not caller.user_ids:
        raise Forbidden(
            "Your token has the role supplier but no User ID (EUI-64) of your organisation: ask "
            "your administrator to add them to your account."
        )


def require_reset(caller: Caller) -> None:
    """:class:`Forbidden` unless the caller may reset the tracking of a device."""
    if not may_reset(caller):
        raise Forbidden(
            "Only the DCC Service Centre resets the tracking of a device: ask it, and quote the "
            "Service Request ID, the Device ID and your incident."
        )


def require_log(caller: Caller) -> None:
    """:class:`Forbidden` unless the caller may read the log of access and resets."""
    if not may_read_log(caller):
        raise Forbidden("Only auditors read the access log: your account has another role.")


def may_reset(caller: Caller) -> bool:
    """Whether the caller may reset the tracking of a device."""
    return Role.SERVICE_CENTRE in caller.roles


def may_read_log(caller: Caller) -> bool:
    """Whether the caller may read the log of access and resets."""
    return Role.AUDITOR in caller.roles


def may_see(caller: Caller, request_id: str) -> bool:
    """Whether the caller may see items of this request (a canonical request ID)."""
    if caller.sees_everything:
        return True
    return Role.SUPPLIER in caller.roles and ServiceRequestId(request_id).owner in caller.user_ids


def may_see_unmatched(caller: Caller) -> bool:
    """Whether the caller may see reports that belong to no request, and thus to no owner."""
    return caller.sees_everything
