"""What read sides tell each other over a real Kafka, and when it is away."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fdt.brokers.local import LocalKafka
from fdt.processes.children import free_port
from query_api.identity.endings import Ending, EndingsUnknown, digest
from query_api.identity.rate_limit import RateLimit
from query_api.sharing.listening import PART, Listener
from query_api.sharing.notices import Notice, Taken, decoded
from query_api.sharing.shared import Shared, shared
from runtime import kafka
from runtime.health import Health
from schemas.codec import BadRecord, Codec
from schemas.topics import READ_SIDE
from tests.query_api.view.test_feed import eventually
from tests.support.topics import create_anew, delete

KEYS = "a secret of the tests, and of nobody else\n"
ALICE = digest("session", "alice")
BOB = digest("session", "bob")
USER = digest("user", "carol")


@dataclass
class Side:
    """One read side's part in it."""

    common: Shared
    limit: RateLimit
    health: Health
    listener: Listener

    def knows(self, what: bytes) -> bool:
        """Whether it has heard of the end."""
        try:
            return self.common.endings.covers(what)
        except EndingsUnknown:
            return False


@contextmanager
def side(bootstrap: str, folder: Path, closed_after_s: float = 600.0) -> Iterator[Side]:
    """One that has started."""
    (folder / "keys").write_text(KEYS)
    ended: list[BaseException] = []
    health = Health()
    common = shared(bootstrap, Codec(), folder / "keys", health, ended.append, closed_after_s)
    assert common.listener is not None
    limit = RateLimit("downloads", 10, tell=common.taken)
    common.listener.follow([limit])
    common.listener.start()
    try:
        yield Side(common, limit, health, common.listener)
    finally:
        common.listener.stop()
    assert ended == []


def soon() -> float:
    """An end that matters for a while."""
    return time.time() + 600


def test_an_end_and_a_count_reach_every_other(
    fresh_topics: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Also one that starts later; a record of somebody else's is told, and holds nothing up."""
    with ExitStack() as held:
        first, second = (held.enter_context(side(fresh_topics, tmp_path)) for _ in range(2))
        for one in (first, second):
            eventually(lambda one=one: not one.health.troubles())  # type: ignore[misc]
        assert first.common.endings.end(Ending(ALICE, soon()))
        stranger = kafka.producer(fresh_topics, "stranger")
        stranger.produce(READ_SIDE, b"no notice", None, 0)
        assert stranger.flush(20) == 0
        for _ in range(3):
            first.limit.take("carol")
        eventually(lambda: second.knows(ALICE))
        eventually(lambda: second.limit.allowance("carol").left <= 7)
        assert first.limit.allowance("carol").left >= 7, "its own are not counted twice"
        third = held.enter_context(side(fresh_topics, tmp_path))
        eventually(lambda: third.knows(ALICE))
        assert third.limit.allowance("carol").left <= 9
        assert not third.knows(BOB)
    assert "is no notice of a read side" in caplog.text


def test_a_topic_that_is_made_anew_is_read_from_its_beginning(
    fresh_topics: str, tmp_path: Path
) -> None:
    """Without a restart; ends that were heard before still hold."""
    with side(fresh_topics, tmp_path) as first, side(fresh_topics, tmp_path) as second:
        assert first.common.endings.end(Ending(ALICE, soon()))
        eventually(lambda: second.knows(ALICE))
        delete(fresh_topics, READ_SIDE)
        create_anew(fresh_topics)
        eventually(lambda: first.common.endings.end(Ending(BOB, soon())))
        eventually(lambda: second.knows(BOB))
        assert second.knows(ALICE)


def test_while_the_broker_is_away_sessions_go_on_for_a_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A sign-out says that it is not certain; past the time nobody is believed, and readiness says
    so; when the broker is back all of it is made good."""
    caplog.set_level(logging.INFO)
    port, data = free_port(), tmp_path / "kafka"
    address = f"127.0.0.1:{port}"
    with side(address, tmp_path) as first, side(address, tmp_path, closed_after_s=6.0) as second:
        with pytest.raises(EndingsUnknown, match="still being read"):
            second.common.endings.covers(ALICE)
        assert second.listener.heard_at() is None
        with LocalKafka(data, port=port) as broker:
            create_anew(broker.bootstrap_servers)
            for one in (first, second):
                eventually(lambda one=one: not one.health.troubles())  # type: ignore[misc]
        assert not first.common.endings.end(Ending(ALICE, soon()))
        assert first.knows(ALICE), "here it holds at once"
        eventually(lambda: PART in second.health.troubles())
        assert "have not been heard" in second.health.troubles()[PART]
        with pytest.raises(EndingsUnknown, match="have not been heard"):
            second.common.endings.covers(BOB)
        assert not first.common.endings.covers(BOB), "its time is longer"
        with LocalKafka(data, port=port):
            eventually(lambda: second.knows(ALICE))
            eventually(lambda: not second.health.troubles())
            assert not second.knows(BOB)
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(
    "told", [Ending(ALICE, 1_500.25), Ending(ALICE, 1_500.0, 1_000.0), Taken("searches", USER, 7)]
)
def test_a_notice_is_read_as_it_was_written(told: Ending | Taken) -> None:
    """To the millisecond."""
    notice, codec = Notice("0123456789abcdef", told), Codec()
    assert decoded(codec, notice.read_side.encode(), notice.encoded(codec)) == notice


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "told"},
        {"kind": "taken"},
        {"needed_until": None},
        {"subject": "no digest"},
    ],
)
def test_what_is_no_notice_is_refused(changes: dict[str, Any]) -> None:
    """It may be of a later release; it is never half believed."""
    fields = {
        "kind": "ended",
        "subject": ALICE.hex(),
        "signed_in_by": None,
        "needed_until": 1,
        "limit": None,
        "count": 0,
    }
    codec = Codec()
    with pytest.raises(BadRecord):
        decoded(codec, b"", codec.encode("ReadSideNotice", {**fields, **changes}))
