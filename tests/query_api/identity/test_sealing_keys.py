"""The secrets that read sides share: changed with nobody signed out, refused in a sentence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from query_api.identity.sealing_keys import PART, NotSealedHere, SealingKeys, UnusableKeys
from runtime.health import Health

OLD = "an old secret of the tests, and of nobody else"
NEW = "a new secret of the tests, and of nobody else"


class Clock:
    """A clock that is set."""

    now = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


def write(path: Path, *secrets: str) -> None:
    """The file anew, as a rotation leaves it: another file under the name."""
    beside = path.with_suffix(".new")
    beside.write_text("".join(f"{text}\n" for text in secrets))
    os.replace(beside, path)


def test_keys_are_changed_in_three_steps_without_signing_anybody_out(tmp_path: Path) -> None:
    """New accepted, new seals, old gone; at every step both read sides open what the other seals,
    whichever has read the file first."""
    path, clock = tmp_path / "keys", Clock()
    write(path, OLD)
    first, second = SealingKeys(path, clock=clock), SealingKeys(path, clock=clock)
    kept = first.seal("session", b"content")
    for secrets in ((OLD, NEW), (NEW, OLD)):
        write(path, *secrets)
        clock.now += 10
        first.seal("session", b"it has read the file")
        ahead = first.seal("session", b"ahead")
        assert second.open("session", ahead) == b"ahead"
        assert first.open("session", second.seal("session", b"behind")) == b"behind"
        assert first.open("session", kept) == b"content"
    renewed = second.seal("session", b"renewed")
    write(path, NEW)
    clock.now += 10
    assert first.open("session", renewed) == b"renewed"
    with pytest.raises(NotSealedHere):
        first.open("session", kept)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "cannot be read"),
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"short\n", "number 1 is too short"),
        (OLD.encode() + b"\nshort", "number 2 is too short"),
        (b"\xff" * 40, "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_and_changes_nothing(
    tmp_path: Path, content: bytes | None, why: str
) -> None:
    """At the start it is refused; later the keys that were read before hold."""
    path, clock, health = tmp_path / "keys", Clock(), Health()
    write(path, OLD)
    keys = SealingKeys(path, health, clock)
    kept = keys.seal("session", b"content")
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UnusableKeys, match=f"{why}.*32 characters or more on each line"):
        SealingKeys(path)
    clock.now = 10
    assert keys.open("session", kept) == b"content"
    assert why in health.troubles()[PART]
    write(path, NEW, OLD)
    clock.now = 20
    assert keys.open("session", kept) == b"content"
    assert health.troubles() == {}


def test_what_was_sealed_for_one_thing_opens_for_no_other(tmp_path: Path) -> None:
    """A cookie of a sign-in under way is no session."""
    path = tmp_path / "keys"
    write(path, OLD)
    keys = SealingKeys(path)
    with pytest.raises(NotSealedHere):
        keys.open("session", keys.seal("sign-in", b"content"))
    assert b"content" not in keys.seal("session", b"content").encode()
