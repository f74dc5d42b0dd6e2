"""The state that read sides with the same session keys share: keys, ends, limits, listener."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from query_api.identity.endings import Endings
from query_api.identity.rate_limit import Tell, nobody_else
from query_api.identity.sealing_keys import SealingKeys
from query_api.sharing.listening import Listener
from query_api.sharing.telling import Teller
from runtime.health import Health
from schemas.codec import Codec


@dataclass(frozen=True, slots=True)
class Shared:
    """Keys, ends and limits; by default those of a single read side."""

    keys: SealingKeys = field(default_factory=SealingKeys)
    endings: Endings = field(default_factory=Endings)
    taken: Tell = nobody_else
    listener: Listener | None = None

    @property
    def threads(self) -> tuple[Listener, ...]:
        """The threads to be started and stopped."""
        return () if self.listener is None else (self.listener,)


def shared(
    bootstrap: str,
    codec: Codec,
    keys: Path,
    health: Health,
    on_end: Callable[[BaseException], None],
    closed_after_s: float,
) -> Shared:
    """The state shared with all read sides that use the file ``keys``. ``closed_after_s``: see
    :class:`Listener`. Raises :class:`~query_api.identity.sealing_keys.UnusableKeys`."""
    sealing = SealingKeys(keys, health)
    teller = Teller(bootstrap, codec)
    endings = Endings(teller.ended)
    listener = Listener(bootstrap, codec, teller, endings, health, on_end, closed_after_s)
    return Shared(sealing, endings, teller.taken, listener)
