"""Rights of each program on the broker, as few as possible; for ``fdt topics --acls`` and its test.

A component is a program with a user of its own. What is in a topic is trusted to come from whoever
may write it: so each source writes its own topic alone, and only the worker writes the status
topic.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final, Literal

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from fdt.errors import UserError
from runtime import broker, kafka
from runtime.topics import MENDED_GROUP
from schemas.topics import (
    AUDIT,
    DEAD_LETTERS,
    READ_SIDE,
    SOURCE_TOPICS,
    SSMI_EVENTS,
    STATUS,
    TOPICS,
    Source,
)

logger = logging.getLogger(__name__)

Resource = Literal["topic", "group", "transactional-id"]

USERS: Final[Mapping[str, str]] = {
    "publisher-dsp": "User:dsp",
    "publisher-csp": "User:csp",
    "publisher-comms-hub": "User:comms-hub",
    "worker": "User:fdt-worker",
    "read-side": "User:fdt-read-side",
    "analyst": "User:fdt-analyst",
    "operator": "User:fdt-operator",
}
"""Component -> the principal it has unless another is named."""
_PUBLISHERS: Final = {
    "publisher-dsp": Source.DSP,
    "publisher-csp": Source.CSP,
    "publisher-comms-hub": Source.COMMS_HUB,
}
_SEE: Final = ("Describe", "DescribeConfigs")
_READ: Final = ("Read", *_SEE)
_WRITE: Final = ("Write", "Describe")
_GROUP: Final = ("Read", "Describe")
"""A client asks for its group's coordinator even where it is assigned its partitions."""
_REFUSED: Final = (
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
)
_READERS: Final = ("fdt-analysis", "dead-letters")
"""Groups of the commands that read for people."""


@dataclass(frozen=True, slots=True)
class Right:
    """Some operations of one component on one resource."""

    component: str
    principal: str
    resource: Resource
    name: str
    prefixed: bool
    """Whether ``name`` is a prefix."""
    operations: tuple[str, ...]

    @property
    def arguments(self) -> str:
        """As ``kafka-acls --add`` takes them."""
        operations = " ".join(f"--operation {one}" for one in self.operations)
        resource = f"--{self.resource} {self.name}"
        pattern = " --resource-pattern-type prefixed" if self.prefixed else ""
        return f"--allow-principal {self.principal} {operations} {resource}{pattern}"


def rights(group_id: str, principals: Mapping[str, str]) -> list[Right]:
    """All rights that any component needs, and no others; ``principals`` overrides :data:`USERS`.

    Raises :class:`~fdt.errors.UserError` for an unknown component.
    """
    if unknown := principals.keys() - USERS.keys():
        raise UserError(f"There is no component {min(unknown)}: name one of {', '.join(USERS)}.")
    named = {**USERS, **principals}
    return [
        Right(component, named[component], resource, name, prefixed, operations)
        for component in USERS
        for resource, name, prefixed, operations in _of(component, group_id)
    ]


def require_rights(bootstrap: str, component: str, group_id: str) -> None:
    """Check with the broker that our user may do what a component needs.

    A client without a right may wait silently, so this is checked before. Logs a warning where the
    broker does not answer now; raises :class:`~fdt.errors.UserError` for missing rights.
    """
    admin = kafka.admin_client(bootstrap)
    try:
        found = lacking(admin, component, group_id)
    except KafkaException as error:
        told = kafka.complaint(admin) or error.args[0].str()
        logger.warning("rights could not be looked at: %s", told)
        return
    if found:
        raise UserError(
            f"The broker at {bootstrap} does not let {component} {', '.join(found)}: give its "
            f"user what 'fdt topics --acls' lists for {component}, or name the right user in "
            "FDT_KAFKA_USER."
        )


def lacking(admin: AdminClient, component: str, group_id: str) -> list[str]:
    """The rights of a component that our user lacks, in words; ``KafkaException``."""
    return broker.once_led(lambda: _all_lacking(admin, component, group_id))


def _all_lacking(admin: AdminClient, component: str, group_id: str) -> list[str]:
    needed = [right for right in rights(group_id, {}) if right.component == component]
    asked = {
        "topic": broker.topics(admin, _named(needed, "topic"), rights=True),
        "group": broker.groups(admin, _named(needed, "group")),
    }
    return [
        told
        for right in needed
        if right.resource != "transactional-id"  # nothing can be asked of them
        for told in _lacking(asked[right.resource][right.name], right)
    ]


def _named(found: list[Right], resource: Resource) -> list[str]:
    return [right.name for right in found if right.resource == resource]


def _lacking(answer: Future[Any], right: Right) -> Iterator[str]:
    """What of a right is missing, in words."""
    try:
        found = answer.result(broker.ANSWER_S + 1)
        allowed = {operation.name for operation in found.authorized_operations or ()}
    except KafkaException as error:
        if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            return  # another check reports a missing topic
        if error.args[0].code() not in _REFUSED:
            raise
        allowed = set[str]()
    lacking = [one for one in right.operations if constant_of(one) not in allowed]
    if lacking:
        yield f"{'/'.join(lacking)} {right.resource} {right.name}"


def constant_of(operation: str) -> str:
    """``DescribeConfigs`` as ``DESCRIBE_CONFIGS``, which clients call it."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", operation).upper()


_Needed = tuple[Resource, str, bool, tuple[str, ...]]


def _of(component: str, group_id: str) -> Iterator[_Needed]:
    if component in _PUBLISHERS:
        topic = _PUBLISHERS[component].topic
        yield "topic", topic, False, _WRITE
        # Its own dead letters: it filters by header, so it may read all of them.
        yield "topic", DEAD_LETTERS, False, ("Read", "Describe")
        yield "group", f"{topic}-dead-letters", False, _GROUP
        return
    yield from _PROGRAMS[component](group_id)


def _worker(group_id: str) -> Iterator[_Needed]:
    yield from (("topic", topic, False, _READ) for topic in SOURCE_TOPICS.values())
    yield "topic", STATUS, False, ("Read", "Write", *_SEE)
    yield "topic", DEAD_LETTERS, False, ("Write", *_SEE)
    for topic in (AUDIT, READ_SIDE):  # all topics are compared with the settings at the start
        yield "topic", topic, False, _SEE
    yield "group", group_id, True, _GROUP
    yield from (("group", name, False, _GROUP) for name in ("watchdog", MENDED_GROUP))
    yield "transactional-id", f"{group_id}-", True, _WRITE


def _read_side(_group_id: str) -> Iterator[_Needed]:
    for topic in SOURCE_TOPICS.values():
        operations = ("Write", *_SEE) if topic == SSMI_EVENTS else _SEE
        yield "topic", topic, False, operations
    yield "topic", STATUS, False, _READ
    yield "topic", DEAD_LETTERS, False, _SEE
    for topic in (AUDIT, READ_SIDE):
        yield "topic", topic, False, ("Read", "Write", *_SEE)
    for name in ("fdt-read-side", "fdt-read-side-notices", "read-side-audit-log", MENDED_GROUP):
        yield "group", name, False, _GROUP


def _analyst(group_id: str) -> Iterator[_Needed]:
    for topic in (*SOURCE_TOPICS.values(), STATUS, DEAD_LETTERS):
        yield "topic", topic, False, _READ
    for name in (*_READERS, f"{group_id}-rebuild"):
        yield "group", name, False, _GROUP


def _operator(group_id: str) -> Iterator[_Needed]:
    """Makes topics, sends dead letters again, reads the audit, rebuilds the table."""
    for topic in TOPICS:
        yield "topic", topic.name, False, ("Create", "AlterConfigs", "Read", "Write", *_SEE)
    yield "group", group_id, True, _GROUP
    for name in (*_READERS, "read-side-audit-log", MENDED_GROUP):
        yield "group", name, False, _GROUP
    yield "transactional-id", f"{group_id}-", True, _WRITE


_PROGRAMS: Final = {
    "worker": _worker,
    "read-side": _read_side,
    "analyst": _analyst,
    "operator": _operator,
}
