"""Sessions of two read sides that hear of each other late, against a model of what must hold.

What contradicts itself is drawn too: a session ended twice, used after its end, at a read side that
has not heard of it yet, from an old copy of its cookie, by clocks that differ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from query_api.identity.access import Caller, Role
from query_api.identity.endings import Ending, Endings, EndingsUnknown
from query_api.identity.sealing_keys import SealingKeys
from query_api.identity.sessions import CLOCKS_DIFFER_S, LONGEST_COOKIE, Session, Sessions, TooLarge
from schemas.identifiers import Eui64
from tests.query_api.world import ALPHA

IDLE_S = 100.0
ABSOLUTE_S = 350.0
USERS = ("alice", "bob")
SIDES = st.integers(0, 1)
WHICH = st.integers(-3, -1) | st.integers(0, 1_000)
"""One of the latest cookies, or any."""


def caller(subject: str) -> Caller:
    """Somebody with a role and a User ID."""
    return Caller(subject, frozenset([ALPHA]), frozenset([Role.SUPPLIER]), subject.title())


@dataclass
class Side:
    """One read side: its sessions, and how much it has heard of what is told."""

    sessions: Sessions
    endings: Endings
    heard: int = 0


@dataclass(frozen=True)
class Signed:
    """A session in the model."""

    user: str
    provider_session: str
    signed_in_at: float


@dataclass
class Copy:
    """A cookie as a browser, or a thief, has it; and what the model knows of it."""

    cookie: str
    session: Signed
    began_at: float
    used_at: float


@dataclass(frozen=True)
class End:
    """An end in the model: by which read side, at which place of what was told, and of what."""

    side: int
    place: int
    concerns: Callable[[Signed], bool]


class TwoReadSides(RuleBasedStateMachine):
    """Both have the keys; each learns what the other ended when it is delivered."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        keys = Path(self.folder.name) / "keys"
        keys.write_text("a secret of the tests, which is long enough\n")
        self.now = 1_000_000.0
        self.ahead_s = [0.0, 0.0]
        self.told: list[Ending] = []
        self.sides = [self._side(keys, number) for number in range(2)]
        self.copies: list[Copy] = []
        self.ends: list[End] = []
        self.provider_ended_at: dict[str, float] = {}

    def _side(self, keys: Path, number: int) -> Side:
        def tell(ending: Ending) -> bool:
            self.told.append(ending)
            return True

        def clock() -> float:
            return self._clock(number)

        endings = Endings(tell, clock)
        return Side(Sessions(IDLE_S, ABSOLUTE_S, SealingKeys(keys), endings, clock), endings)

    def _clock(self, side: int) -> float:
        return self.now + self.ahead_s[side]

    def _ended(self, side: int, session: Signed) -> bool:
        """Whether this read side knows of an end of the session."""
        heard = self.sides[side].heard
        known = (end for end in self.ends if end.side == side or end.place < heard)
        return any(end.concerns(session) for end in known)

    def _lives(self, side: int, copy: Copy) -> bool:
        now = self._clock(side)
        idle_s, age_s = now - min(copy.used_at, now), now - min(copy.began_at, now)
        return idle_s < IDLE_S and age_s < ABSOLUTE_S and not self._ended(side, copy.session)

    def _end(self, side: int, concerns: Callable[[Signed], bool]) -> None:
        self.ends.append(End(side, len(self.told) - 1, concerns))

    def _provider_session(self, user: str, sso: int, late: bool) -> str:
        """One that the provider has not ended, or has ended while the browser was on its way."""
        generation = 0
        while (name := f"{user}-{sso}-{generation}") in self.provider_ended_at:
            if late and self.now - self.provider_ended_at[name] < IDLE_S:
                return name
            generation += 1
        return name

    @rule(side=SIDES, user=st.sampled_from(USERS), sso=st.integers(0, 1), late=st.booleans())
    def sign_in(self, side: int, user: str, sso: int, late: bool) -> None:
        """A new session, perhaps of a session at the provider that had others."""
        name, now = self._provider_session(user, sso, late), self._clock(side)
        cookie = self.sides[side].sessions.begin(caller(user), name, self.now)
        self.copies.append(Copy(cookie, Signed(user, name, self.now), now, now))

    @rule(side=SIDES, which=WHICH, renew=st.booleans())
    def use(self, side: int, which: int, renew: bool) -> None:
        """Any cookie that was ever given out; what comes back is one more."""
        if not self.copies:
            return
        copy, sessions = self.copies[which % len(self.copies)], self.sides[side].sessions
        found = sessions.find(copy.cookie, renew=renew)
        assert (found is not None) == self._lives(side, copy)
        if found is not None:
            now = self._clock(side)
            assert found.caller == caller(copy.session.user)
            assert found.used_at == (now if renew else min(copy.used_at, now))
            self.copies.append(
                Copy(sessions.sealed(found), copy.session, found.began_at, found.used_at)
            )

    @rule(side=SIDES, which=WHICH)
    def sign_out(self, side: int, which: int) -> None:
        """With any copy of its cookie, were it of a session that has ended."""
        if self.copies:
            copy = self.copies[which % len(self.copies)]
            assert self.sides[side].sessions.end(copy.cookie)
            self._end(side, lambda session: session is copy.session)

    @rule(side=SIDES, user=st.sampled_from(USERS), sso=st.integers(0, 1))
    def the_provider_ends_a_session(self, side: int, user: str, sso: int) -> None:
        """And so all of ours that were begun from it."""
        name = self._provider_session(user, sso, late=False)
        self.provider_ended_at[name] = self.now
        self.sides[side].sessions.end_of_provider(name, user, self.now)
        self._end(side, lambda session: session.provider_session == name)

    @rule(side=SIDES, user=st.sampled_from(USERS))
    def the_provider_ends_a_users_sessions(self, side: int, user: str) -> None:
        """All up to now; who signs in again afterwards is in."""
        by = self.now
        self.sides[side].sessions.end_of_provider(None, user, by)
        self._end(side, lambda session: session.user == user and session.signed_in_at <= by)

    @rule(side=SIDES, count=st.integers(1, 5))
    def deliver(self, side: int, count: int) -> None:
        """The next of what was told, its own among it."""
        one = self.sides[side]
        for ending in self.told[one.heard : one.heard + count]:
            one.endings.learn(ending)
        one.heard = min(one.heard + count, len(self.told))

    @rule(seconds=st.sampled_from([0.5, 10.0, 60.0, 99.5, 100.0, 349.0]))
    def time_goes(self, seconds: float) -> None:
        """Up to either time-out and past it."""
        self.now += seconds

    @rule(side=SIDES, ahead_s=st.sampled_from([-CLOCKS_DIFFER_S / 2, 0.0, CLOCKS_DIFFER_S / 2]))
    def a_clock_is_set(self, side: int, ahead_s: float) -> None:
        """Read sides need not agree to the second."""
        self.ahead_s[side] = ahead_s

    def teardown(self) -> None:
        """Once everything is heard, what has ended is dead everywhere, in every copy."""
        for side in range(2):
            self.deliver(side, len(self.told))
            for copy in self.copies:
                if self._ended(side, copy.session):
                    assert self.sides[side].sessions.find(copy.cookie, renew=False) is None
        self.folder.cleanup()


TestTwoReadSides = TwoReadSides.TestCase
TestTwoReadSides.settings = settings(stateful_step_count=30)


class Clock:
    """A clock that is set."""

    now = 1_000.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


def made(clock: Callable[[], float], **parts: Any) -> Sessions:
    """Sessions of one read side."""
    return Sessions(IDLE_S, ABSOLUTE_S, clock=clock, **parts)


def test_a_read_side_with_other_keys_knows_nobody() -> None:
    """Nor does anything that was not sealed, or sealed for something else."""
    clock = Clock()
    mine, other = made(clock), made(clock)
    cookie = mine.begin(caller("alice"))
    assert mine.find(cookie) is not None
    assert other.find(cookie) is None
    kept = mine.sealed_id_token(cookie, "token")
    assert kept is not None
    for text in (kept, "", "x", cookie[:-1], cookie + "A", "é", "=" * 10):
        assert mine.find(text) is None


def test_an_id_token_is_only_of_its_session() -> None:
    """Another session's cookie beside it is of no use."""
    sessions = made(Clock())
    first, second = (sessions.begin(caller(name)) for name in USERS)
    kept = sessions.sealed_id_token(first, "token")
    assert kept is not None
    found = [sessions.find(cookie) for cookie in (first, second)]
    assert found[0] is not None
    assert found[1] is not None
    assert sessions.id_token(found[0], kept) == "token"
    assert sessions.id_token(found[1], kept) is None
    assert sessions.id_token(found[0], "planted") is None
    assert sessions.sealed_id_token(first, "x" * LONGEST_COOKIE) is None


def test_a_cookie_fits_into_every_browser() -> None:
    """With two hundred User IDs; with more than fit, a sentence says what to do."""
    sessions = made(Clock())
    ids = [Eui64(f"90-B3-D5-1F-30-{n // 256:02X}-{n % 256:02X}-00") for n in range(1_000)]
    roles = frozenset(Role)

    def of(count: int) -> Caller:
        return Caller("s" * 60, frozenset(ids[:count]), roles, "n" * 60)

    cookie = sessions.begin(of(200))
    found = sessions.find(cookie)
    assert found is not None
    assert found.caller == of(200)
    assert len(cookie) + len("__Host-fdt") + 60 < 4096
    with pytest.raises(TooLarge, match=r"1000 User IDs.*ask your administrator"):
        sessions.begin(of(1_000))


def test_nobody_is_believed_while_ends_are_unknown() -> None:
    """A page cannot tell who signed out elsewhere, so nobody is signed in."""
    endings = Endings()
    sessions = made(Clock(), endings=endings)
    cookie = sessions.begin(caller("alice"))
    endings.unknown_because = lambda: "nothing was heard"
    with pytest.raises(EndingsUnknown, match="nothing was heard"):
        sessions.find(cookie)
    endings.unknown_because = lambda: None
    assert sessions.find(cookie) is not None


def test_an_end_is_forgotten_when_its_cookies_are_worth_nothing() -> None:
    """And not before; what is told again late keeps it for longer, never for less."""
    clock = Clock()
    endings = Endings(clock=clock)
    endings.learn(Ending(b"what", 1_500.0))
    endings.learn(Ending(b"what", 1_200.0))
    clock.now = 1_499.0
    endings.learn(Ending(b"other", 2_000.0))
    assert endings.covers(b"what")
    clock.now = 1_600.0
    endings.learn(Ending(b"third", 2_000.0))
    assert not endings.covers(b"what")
    assert endings.covers(b"other")


def test_a_page_proves_what_it_showed_and_no_more() -> None:
    """So a refresh at another read side is none of a look-up, and of another thing it is one."""
    sessions = made(Clock())
    found = [sessions.find(sessions.begin(caller(name))) for name in USERS]
    alice, bob = (one for one in found if isinstance(one, Session))
    assert alice.has_shown("device", alice.proof("device"))
    assert not alice.has_shown("other", alice.proof("device"))
    assert not bob.has_shown("device", alice.proof("device"))
    assert not alice.has_shown("device", "")
