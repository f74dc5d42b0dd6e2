"""Progress of the feed: written by its thread, read by every request.

It decides whether answers may be given (I11), and gives their lag and the broker's time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

from query_api.view.status_view import View
from runtime.broker_clock import BrokerClock

EVENT_ENDS_HOLD_S: Final = 20.0
ENDS_HOLD_S: Final = 5.0
"""Age from which end offsets are not used any more."""


class Progress:
    """Positions, end offsets and the view. Safe for many threads.

    ``clock`` is monotonic, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._broker = BrokerClock(clock)
        self._lock = threading.Lock()
        self._view: View | None = None
        self._positions: dict[int, int] = {}
        self._ends: dict[int, int] = {}
        self._ends_seen_at: float | None = None
        self._event_ends: Mapping[tuple[str, int], int] = {}
        self._event_ends_seen_at: float | None = None
        self._targets: dict[int, int] = {}
        self._caught_up = False

    @property
    def view(self) -> View | None:
        """The view, once it has reached the end offsets at the start; ``None`` before."""
        return self._view if self._caught_up else None

    def begin(self, view: View, positions: Mapping[int, int], targets: Mapping[int, int]) -> None:
        """Reading starts at ``positions``; the view may be read once it reaches ``targets``."""
        with self._lock:
            self._view = view
            self._positions = dict(positions)
            self._targets = dict(targets)
            self._see_ends(targets)
            self._compare()

    def reach(self, positions: Mapping[int, int]) -> bool:
        """Everything below ``positions`` is applied; true if the view became readable now."""
        with self._lock:
            before = self._caught_up
            for partition, offset in positions.items():
                self._positions[partition] = max(self._positions[partition], offset)
            self._compare()
            return self._caught_up and not before

    def hear(self, broker_ms: int) -> None:
        """A record with this log-append time (milliseconds) was read."""
        self._broker.hear(broker_ms)

    def broker_now(self) -> int:
        """The broker's present time in milliseconds, or a little less; 0 while it is unknown.

        It advances even if nothing is written, so that due items are hidden then too.
        """
        return self._broker.now()

    def see_ends(self, ends: Mapping[int, int]) -> None:
        """New end offsets of the status topic, by partition."""
        with self._lock:
            self._see_ends(ends)

    def see_event_ends(self, ends: Mapping[tuple[str, int], int]) -> None:
        """New end offsets of the event topics, by (topic, partition)."""
        with self._lock:
            self._event_ends = dict(ends)
            self._event_ends_seen_at = self._clock()

    def waiting(self, folded: Mapping[int, Mapping[str, int]]) -> int | None:
        """Upper bound of the events that the processor has not folded (transaction markers count);
        ``None`` while the broker is away. ``folded`` is partition -> topic -> next offset."""
        with self._lock:
            seen_at = self._event_ends_seen_at
            if seen_at is None or self._clock() - seen_at > EVENT_ENDS_HOLD_S:
                return None
            return sum(
                max(0, end - folded.get(partition, {}).get(topic, 0))
                for (topic, partition), end in self._event_ends.items()
            )

    def lag(self) -> int | None:
        """Offsets not applied yet, over all partitions; ``None`` while the broker is away."""
        lags = self.lags()
        return None if lags is None else sum(lags.values())

    def lags(self) -> dict[int, int] | None:
        """The same by partition."""
        with self._lock:
            seen_at = self._ends_seen_at
            if seen_at is None or self._clock() - seen_at > ENDS_HOLD_S:
                return None
            return _lags(self._positions, self._ends)

    def remaining(self) -> int | None:
        """Offsets to be read before the first answer; ``None`` until the broker was reached."""
        with self._lock:
            return None if self._view is None else _distance(self._positions, self._targets)

    def _see_ends(self, ends: Mapping[int, int]) -> None:
        self._ends = dict(ends)
        self._ends_seen_at = self._clock()

    def _compare(self) -> None:
        self._caught_up = self._caught_up or not _distance(self._positions, self._targets)


def _distance(positions: Mapping[int, int], ends: Mapping[int, int]) -> int:
    return sum(_lags(positions, ends).values())


def _lags(positions: Mapping[int, int], ends: Mapping[int, int]) -> dict[int, int]:
    return {number: max(0, end - positions[number]) for number, end in ends.items()}
