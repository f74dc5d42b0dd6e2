"""The users of the development sign-in: one of each kind, as the simulation knows them."""

from __future__ import annotations

from query_api.identity.access import Role
from query_api.screen.development_provider import Person
from sources.planning.vocabulary import SUPPLIERS


def people() -> tuple[Person, ...]:
    """Two suppliers that are foreign to each other, the Service Centre, an auditor, and somebody
    without a role."""
    first, second = SUPPLIERS[:2]
    return (
        Person("sam", "Sam Supplier", "Supplier, User ID", (Role.SUPPLIER,), (first,)),
        Person("olga", "Olga Other", "Another supplier, User ID", (Role.SUPPLIER,), (second,)),
        Person("chris", "Chris Centre", "DCC Service Centre", (Role.SERVICE_CENTRE,)),
        Person("ada", "Ada Auditor", "Auditor", (Role.AUDITOR,)),
        Person("ned", "Ned Network", "Network operator, without a role here", ()),
    )
