"""Finds who is in the workers' consumer group; commands that must not run beside a worker ask
it."""

from __future__ import annotations

import time
from typing import Final

from confluent_kafka import KafkaError, KafkaException

from fdt.errors import UserError
from runtime import broker, kafka

_LOOK_S: Final = 0.5


def members(bootstrap: str, group_id: str) -> list[str]:
    """The names of the group's members; empty for a group that does not exist."""
    client = kafka.admin_client(bootstrap)  # kept: without it no answer comes
    try:
        group = broker.groups(client, [group_id])[group_id].result()
    except KafkaException as error:
        if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
            return []
        raise UserError(
            f"The broker does not say who is in the group {group_id} ({error.args[0].str()}): "
            "start it, or give our user the rights of the operator that 'fdt topics --acls' lists."
        ) from error
    return sorted(member.group_instance_id or member.client_id for member in group.members)


def require_none(bootstrap: str, group_id: str, patience_s: float) -> None:
    """Wait until the group is empty: a stopped worker stays a member until its session ends.

    :class:`~fdt.errors.UserError` if it is not after ``patience_s``.
    """
    deadline = time.monotonic() + patience_s
    while found := members(bootstrap, group_id):
        if time.monotonic() > deadline:
            raise UserError(
                f"Workers run ({', '.join(found)}): stop them first, or only look with --check."
            )
        time.sleep(_LOOK_S)
