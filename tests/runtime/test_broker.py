"""What is asked again: what the brokers say while a node starts or a leader moves."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError, KafkaException

from runtime.broker import once_led

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
