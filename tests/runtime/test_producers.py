"""What the client says of a fatal error comes out as what it is."""

import pytest
from confluent_kafka import KafkaError, KafkaException

from runtime.producers import unmasked

FATAL = KafkaException(KafkaError(KafkaError._FATAL, "out of order", fatal=True))


def test_a_fatal_error_under_another_is_the_fatal_error() -> None:
    """A delivery report that was served meanwhile covers it."""
    with pytest.raises(KafkaException) as raised, unmasked():
        raise SystemError("<built-in> returned a result with an exception set") from FATAL
    assert raised.value is FATAL


def test_a_fatal_error_that_was_lost_on_the_way_is_one_still() -> None:
    """Nothing but the sentence of the interpreter is left of it."""
    with pytest.raises(KafkaException) as raised, unmasked():
        raise SystemError("<method 'flush'> returned NULL without setting an exception")
    assert raised.value.args[0].fatal()


def test_any_other_error_of_the_interpreter_is_not_ours() -> None:
    """It ends what it meets."""
    with pytest.raises(SystemError, match="bad argument"), unmasked():
        raise SystemError("bad argument to internal function")
