"""Whose work waits for whose: large work for other large work, small work for nobody's."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from runtime.interpreter import LARGE, large_work_alone

SOON_S = 0.2
WITHIN_S = 30.0


@contextmanager
def another_thread(records: int) -> Iterator[threading.Event]:
    """One with work of so many records; set once it has begun it."""
    begun = threading.Event()

    def run() -> None:
        with large_work_alone(records):
            begun.set()

    thread = threading.Thread(target=run)
    thread.start()
    yield begun
    thread.join(WITHIN_S)
    assert begun.is_set()


def test_large_work_waits_for_large_work() -> None:
    """And begins when that is done."""
    with ExitStack() as later:
        with large_work_alone(LARGE):
            begun = later.enter_context(another_thread(LARGE))
            assert not begun.wait(SOON_S)
        assert begun.wait(WITHIN_S)


@pytest.mark.parametrize(("held", "records"), [(LARGE, LARGE - 1), (LARGE - 1, LARGE), (0, 0)])
def test_small_work_neither_waits_nor_is_waited_for(held: int, records: int) -> None:
    """A partition without backlog is answered while others work theirs off."""
    with large_work_alone(held), another_thread(records) as begun:
        assert begun.wait(WITHIN_S)


def test_work_that_fails_lets_the_next_one_in() -> None:
    """A defect ends its own batch alone."""
    with pytest.raises(ZeroDivisionError), large_work_alone(LARGE):
        raise ZeroDivisionError
    with another_thread(LARGE) as begun:
        assert begun.wait(WITHIN_S)
