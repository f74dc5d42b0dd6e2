"""A thread that ends though nobody asked it to."""

from __future__ import annotations

import logging
import threading

import pytest

from runtime.threads import EndedByItself, Explained, Repeating, watched


def ended(
    work: Exception | None, *, stopping: bool = False, caplog: pytest.LogCaptureFixture
) -> list[BaseException]:
    """What the owner of a thread hears that raises an exception, or returns."""
    heard: list[BaseException] = []

    def run() -> None:
        if work is not None:
            raise work

    with caplog.at_level(logging.CRITICAL):
        thread = watched("audit", run, stopping=lambda: stopping, on_end=heard.append)
        thread.start()
        thread.join()
    return heard


def test_an_exception_is_told_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    """A defect of ours, also while the thread is being stopped."""
    defect = KeyError("x")
    assert ended(defect, caplog=caplog) == ended(defect, stopping=True, caplog=caplog) == [defect]
    (record, _) = caplog.records
    assert record.getMessage() == "the thread audit ended: 'x'"
    assert record.exc_info is not None
    assert record.exc_info[1] is defect


def test_a_sentence_that_says_all_needs_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    """An operator mends it, and the disk's errors too."""
    for reason in (Explained("the topic is another one"), OSError("no space")):
        assert ended(reason, caplog=caplog) == [reason]
    assert not any(record.exc_info for record in caplog.records)


def test_a_thread_that_returns_too_early_has_ended(caplog: pytest.LogCaptureFixture) -> None:
    """One that was asked to stop has not."""
    (error,) = ended(None, caplog=caplog)
    assert isinstance(error, EndedByItself)
    assert ended(None, stopping=True, caplog=caplog) == []


def test_a_watched_thread_holds_nobody_up() -> None:
    """A process that ends does not wait for it."""
    assert watched("x", lambda: None, stopping=bool, on_end=print).daemon


@pytest.mark.parametrize("at_once", [True, False])
def test_work_is_repeated_until_it_is_told_to_end(at_once: bool) -> None:
    """Also by itself, in the middle of it: then it is the last."""
    heard: list[BaseException] = []
    done, again = list[int](), threading.Event()

    def work() -> None:
        done.append(len(done))
        if len(done) == 3:
            repeating.end()
            again.set()

    repeating = Repeating("topics", work, 0.01, heard.append, at_once=at_once)
    repeating.start()
    assert again.wait(30)
    repeating.stop()
    assert (done, heard) == ([0, 1, 2], [])


def test_work_that_fails_is_not_repeated() -> None:
    """Its owner hears of it."""
    heard, told = list[BaseException](), threading.Event()

    def on_end(error: BaseException) -> None:
        heard.append(error)
        told.set()

    Repeating("topics", lambda: 1 / 0, 0.01, on_end).start()
    assert told.wait(30)
    assert isinstance(heard[0], ZeroDivisionError)
