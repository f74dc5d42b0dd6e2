"""Whether another worker is in the group under this worker's name.

The two would push each other out of the group without end.
A member that is this very folder's own, from before a crash, is taken over at once, as static
membership is for; one of another folder is given the time in which a dead one is forgotten.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from runtime import broker, kafka
from runtime.alone import NotAlone

ID_FILE: Final = "member-id"
_LOOK_S: Final = 1.0


def member_id(folder: Path) -> str:
    """The client id of workers of this folder: made once, and kept."""
    path = folder / ID_FILE
    if not path.exists():
        path.write_text(f"worker-{uuid.uuid4()}", encoding="ascii")
    return path.read_text(encoding="ascii")


def require_alone(
    bootstrap: str,
    group: str,
    instance: str,
    own_id: str,
    session_s: float,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """:class:`~runtime.alone.NotAlone` if ``instance`` is another folder's member of ``group``, and
    still is after a session (seconds). A broker that is away is no reason."""
    admin = kafka.admin_client(bootstrap)
    waited = 0.0
    while (other := _other(admin, group, instance, own_id)) is not None:
        if waited > session_s + _LOOK_S:
            raise NotAlone(
                f"Another worker at {other} is in the group {group} under this name: give each "
                "worker its own FDT_WORKER_NAME."
            )
        sleep(_LOOK_S)
        waited += _LOOK_S


def _other(admin: AdminClient, group: str, instance: str, own_id: str) -> str | None:
    """Where the member of that name runs, if it is not of this folder."""
    try:
        found: Any = broker.groups(admin, [group])[group].result(broker.ANSWER_S + 1)
    except (KafkaException, TimeoutError):
        return None
    for member in found.members:
        if member.group_instance_id == instance and member.client_id != own_id:
            return f"{member.host} ({member.client_id})"
    return None
