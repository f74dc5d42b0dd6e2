"""The place where parts say that they do not work."""

from __future__ import annotations

import logging

import pytest

from runtime.health import Health


def test_a_part_in_trouble_is_told_until_it_is_well_again() -> None:
    """By name, so that two looks show the same order."""
    health = Health()
    health.trouble("audit", "the broker refuses it")
    health.trouble("feed", "its thread ended")
    assert list(health.troubles()) == ["audit", "feed"]
    health.well("feed")
    health.well("feed")
    assert health.troubles() == {"audit": "the broker refuses it"}


def test_a_trouble_is_logged_once_and_again_when_its_reason_changes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A part that is looked at every second must not fill the log."""
    health = Health()
    with caplog.at_level(logging.INFO):
        for why in ("no rights", "no rights", "no topic"):
            health.trouble("audit", why)
        health.well("audit")
    told = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert told == [
        ("ERROR", "audit: no rights"),
        ("ERROR", "audit: no topic"),
        ("INFO", "audit: well again (was: no topic)"),
    ]
