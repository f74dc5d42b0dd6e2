"""A broker that is named may hold somebody's topics, and the tests delete topics."""

from __future__ import annotations

import pytest

from tests.support.topics import refuse_topics_of_others


def test_a_broker_that_holds_firmware_topics_is_refused(fresh_topics: str) -> None:
    """The sentence names what would be deleted and what to do."""
    with pytest.raises(
        pytest.fail.Exception, match=r"holds firmware\.audit\.v1, .*an empty broker"
    ):
        refuse_topics_of_others(fresh_topics)
