"""The audit's publisher as the read side runs it; its end by itself fails the test."""

from __future__ import annotations

from query_api.audit.spool import Spool
from query_api.audit.trail import SpoolPublisher
from runtime.health import Health
from schemas.codec import Codec


def spool_publisher(
    spool: Spool, bootstrap: str, health: Health | None = None, timeout_s: float = 20.0
) -> SpoolPublisher:
    """A publisher that is not started yet."""

    def ended(error: BaseException) -> None:
        raise AssertionError("the audit thread ended") from error

    return SpoolPublisher(spool, bootstrap, Codec(), health or Health(), ended, timeout_s)
