"""The source programs end with a sentence when they cannot work."""

from __future__ import annotations

import pytest

from sources import comms_hub, csp, dsp, program, publisher


def test_numbers_that_make_no_plan_are_told_in_one_sentence(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Without a broker, too."""
    assert csp.main(["--requests", "9", "--devices", "3"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "There is no such simulation: 3 devices cannot fill 9 requests; use one each or more."
    ]


def test_a_broker_that_does_not_answer_is_told_in_one_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing of the client library's own words."""
    monkeypatch.setattr(publisher, "_METADATA_SECONDS", 0.3)
    assert csp.main(["--requests=1", "--devices=3", "--bootstrap=127.0.0.1:1"]) == 1
    (sentence,) = capsys.readouterr().err.splitlines()
    assert sentence.startswith("No broker answers at 127.0.0.1:1 (")
    assert sentence.endswith("or set KAFKA_BOOTSTRAP_SERVERS to where it is.")


def test_the_command_line_of_a_program_is_documented(capsys: pytest.CaptureFixture[str]) -> None:
    """Every option has its line."""
    with pytest.raises(SystemExit):
        dsp.main(["--help"])
    shown = capsys.readouterr().out
    for option in ("seed", "requests", "devices", "speed", "rate", "base-ms", "bootstrap"):
        assert f"--{option}" in shown


class OnePartition:
    """A topic in which nothing can be astray."""

    topic = "firmware.comms-hub.v1"
    partitions = 1

    def __init__(self, bootstrap: str, topic: str) -> None:
        assert bootstrap
        assert topic == self.topic


def test_a_topic_of_one_partition_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a record that is to be in the wrong partition would be in the right one, and count."""
    monkeypatch.setattr(program, "Publisher", OnePartition)
    assert comms_hub.main(["--requests=1", "--devices=3"]) == 1
    assert "has one partition" in capsys.readouterr().err
