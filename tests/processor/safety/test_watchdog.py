"""The watchdog ends a process that does not move, and no other."""

from __future__ import annotations

from dataclasses import dataclass, field

from processor.partition.status_log import LogUnavailable
from processor.safety.watchdog import Watchdog


@dataclass
class Bench:
    """A watchdog with a clock of its own."""

    now: float = 0.0
    steps: int = 0
    waiting: str | None = "a record to read"
    away: bool = False
    told: bool = False
    asked: int = 0
    ended: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.watchdog = Watchdog(
            limit_s=60,
            progress=lambda: self.steps,
            waiting=self.tell,
            end=self.ended.append,
            stopping=lambda: self.told,
            clock=lambda: self.now,
        )
        self.watchdog.look()

    def tell(self) -> str | None:
        """What the broker says is left undone."""
        self.asked += 1
        if self.away:
            raise LogUnavailable("nobody answers")
        return self.waiting

    def passes(self, seconds: float) -> None:
        """Time goes by, looked at each second."""
        for _ in range(int(seconds)):
            self.now += 1
            self.watchdog.look()


def test_no_progress_with_something_to_read_ends_the_process() -> None:
    """After the limit, not before; it says what waits."""
    bench = Bench()
    bench.passes(59)
    assert bench.ended == []
    bench.passes(1)
    assert bench.ended == ["nothing moved for 60 s, and there is a record to read"]


def test_every_step_forward_gives_the_whole_time_again() -> None:
    """Slow is not stalled; the broker is not even asked."""
    bench = Bench()
    for _ in range(10):
        bench.passes(59)
        bench.steps += 1
    assert bench.ended == []
    assert bench.asked == 0


def test_nothing_to_read_is_no_stall() -> None:
    """An idle night."""
    bench = Bench(waiting=None)
    bench.passes(3_600)
    assert bench.ended == []


def test_a_broker_that_is_away_is_waited_for() -> None:
    """Back again, it counts from anew."""
    bench = Bench(away=True)
    bench.passes(3_600)
    assert bench.ended == []
    bench.away = False
    bench.passes(59)
    assert bench.ended == []
    bench.passes(1)
    assert len(bench.ended) == 1


def test_a_step_while_the_broker_is_asked_is_a_step() -> None:
    """The answer takes a while, and meanwhile things moved."""
    bench = Bench()

    def tell() -> str:
        bench.steps += 1
        return "a record to read"

    bench.watchdog._waiting = tell
    bench.passes(61)
    assert bench.ended == []


def test_an_end_in_order_is_waited_for_and_not_for_ever() -> None:
    """A batch whose transaction waits for a broker that is away would never end."""
    bench = Bench(away=True)
    bench.told = True
    bench.passes(12)
    assert bench.ended == []
    bench.passes(1)
    (why,) = bench.ended
    assert "told to end 12 s ago" in why
