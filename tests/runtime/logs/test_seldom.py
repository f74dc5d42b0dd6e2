"""A complaint that is repeated many times a second is said now and then, with how often."""

from __future__ import annotations

import logging

from runtime.logs.seldom import EVERY_S, Seldom


def said(seldom: Seldom, *args: object, name: str = "aiokafka", level: int = logging.ERROR) -> str:
    """What is logged of a complaint; nothing is an empty text."""
    record = logging.LogRecord(name, level, "f.py", 1, "no node %s: %s", args, None)
    return record.getMessage() if seldom.filter(record) else ""


def test_it_is_said_at_once_and_then_seldom_with_how_many_were_not() -> None:
    """By its words: addresses, ports and times in them differ."""
    now = 0.0
    seldom = Seldom(lambda: now)
    assert said(seldom, 1, "refused 99") == "no node 1: refused 99"
    assert [said(seldom, 1, f"refused {n}") for n in range(40)] == [""] * 40
    now = EVERY_S
    assert said(seldom, 2, "refused 0") == "no node 2: refused 0 (40 more like it were not logged)"
    now = 2 * EVERY_S
    assert said(seldom, 1, "refused 0") == "no node 1: refused 0"


def test_nothing_else_is_held_back() -> None:
    """Not our own lines, not another part of the client, not what is asked for by its level."""
    seldom = Seldom(lambda: 0.0)
    for name, level in (("processor.worker", 40), ("librdkafka", 20), ("aiokafka.conn", 20)):
        assert [bool(said(seldom, 1, "x", name=name, level=level)) for _ in range(3)] == [True] * 3
    assert said(seldom, 1, "x", name="aiokafka.conn")
    assert said(seldom, 1, "x", name="aiokafka.cluster")
    assert not said(seldom, 1, "x", name="aiokafka.cluster")
    assert said(seldom, 1, "another reason", name="aiokafka.cluster")
