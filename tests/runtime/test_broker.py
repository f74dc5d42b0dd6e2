"""What is asked again: what the brokers say while a node starts or a leader moves."""

from __future__ import annotations

import re
from concurrent.futures import Future
from typing import Any

import pytest
from confluent_kafka import OFFSET_INVALID, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # exported at run time
    AdminClient,
    ListOffsetsResultInfo,
)

from fdt.processes.children import LOCALHOST, free_port
from runtime import broker
from runtime.broker import once_led, told_offset
from tests import house

PASSING = (
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
)


class Answers:
    """Errors, one at each question, and then an answer."""

    def __init__(self, *codes: int) -> None:
        self.errors = [KafkaException(KafkaError(code)) for code in codes]

    def __call__(self) -> str:
        """The next of them."""
        if self.errors:
            raise self.errors.pop(0)
        return "answered"


@pytest.mark.parametrize("code", PASSING)
def test_what_passes_is_asked_again(code: int) -> None:
    """A partition without a leader, a group without a coordinator."""
    assert once_led(Answers(code, code)) == "answered"


@pytest.mark.parametrize("code", [KafkaError.GROUP_AUTHORIZATION_FAILED, KafkaError._TIMED_OUT])
def test_what_does_not_pass_is_told_at_once(code: int) -> None:
    """A refusal; and no answer at all, for which a client has waited already."""
    asked = Answers(code, code)
    with pytest.raises(KafkaException):
        once_led(asked)
    assert len(asked.errors) == 1


def test_what_does_not_pass_away_is_told_in_the_end() -> None:
    """With the brokers' own error."""
    with pytest.raises(KafkaException) as raised:
        once_led(Answers(*[KafkaError.NOT_COORDINATOR] * 9), within_s=0.3)
    assert raised.value.args[0].code() == KafkaError.NOT_COORDINATOR


PLACE = TopicPartition("firmware.dsp.v1", 1)


def answer(offset: int) -> Future[ListOffsetsResultInfo]:
    """What the client says of a place."""
    told: Future[ListOffsetsResultInfo] = Future()
    told.set_result(ListOffsetsResultInfo(offset, -1, -1))
    return told


@pytest.mark.parametrize("offset", [0, 7, -1])
def test_an_offset_is_what_the_broker_told(offset: int) -> None:
    """-1: there is no record of that time."""
    assert told_offset(PLACE, answer(offset)).result(1).offset == offset


def test_an_offset_that_nobody_told_is_none() -> None:
    """It was taken for the end of a topic that had lost its records; it is asked again."""
    answers = [answer(OFFSET_INVALID), answer(55)]
    with pytest.raises(KafkaException, match=r"firmware.dsp.v1\[1\]"):
        told_offset(PLACE, answers[0]).result(1)
    assert once_led(lambda: told_offset(PLACE, answers.pop(0)).result(1)).offset == 55


def test_an_error_of_an_offset_is_the_brokers_own() -> None:
    """As it came."""
    refused: Future[ListOffsetsResultInfo] = Future()
    refused.set_exception(KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)))
    with pytest.raises(KafkaException) as raised:
        told_offset(PLACE, refused).result(1)
    assert raised.value.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART


class Watched(AdminClient):
    """Remembers whether a coordinator was asked."""

    asked = False

    def describe_consumer_groups(self, *_: Any, **__: Any) -> Any:
        """Would end the process, now and then, where nobody answers."""
        self.asked = True


def test_no_coordinator_is_asked_before_a_broker_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """librdkafka ends the process when such a question times out."""
    monkeypatch.setattr(broker, "ANSWER_S", 0.5)
    admin = Watched({"bootstrap.servers": f"{LOCALHOST}:{free_port()}", "log_level": 0})
    with pytest.raises(KafkaException):
        broker.groups(admin, ["workers"])
    assert not admin.asked


def test_coordinators_are_asked_in_one_place() -> None:
    """Every question about a group waits for an answer of a broker first."""
    asks = re.compile(r"\.(?:describe|delete|list|alter)_consumer_group\w*\(")
    found = [path for path in house.modules() if asks.search(path.read_text("utf-8"))]
    assert found == [house.ROOT / "runtime" / "broker.py"]
