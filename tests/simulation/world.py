"""A seed, played: what is published, who owns what, and what breaks at which write point."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from projections.retention import RETENTION_MS
from schemas.registry import RegistryUnavailable
from schemas.topics import DAY_MS, SOURCE_TOPICS, STATUS
from tests.simulation.broker import Broker, Record, lost_acknowledgement
from tests.simulation.events import PARTITIONS, Events
from tests.simulation.oracle import Checker, Published, Violation
from tests.simulation.process import Crash, Process, reader
from tests.simulation.rebuilding import rebuild

STEPS: Final = 40
SHORT_MS: Final = 40_000
"""Retention of every third seed: much of it ends while things break."""
ROUNDS: Final = 40
"""Rounds of quiet work after which everything must be read."""
NAMES: Final = ("w0", "w1")

FAULTS: Final[dict[str, str]] = {
    "crash": "",
    "takeover": "",
    "lost acknowledgement": "append: answered",
    "write error": "store: before the write",
    "read error": "store: reading",
    "registry away": "store: reading",
}
"""Fault -> the write points at which it may strike (any whose name begins so)."""


@dataclass
class Fault:
    """Strikes at the ``after``-th fitting write point from now."""

    kind: str
    after: int


class World:
    """One run; ``tell`` hears every step."""

    def __init__(self, seed: int, tell: Callable[[str], None] = lambda line: None) -> None:
        self.seed = seed
        self.rng = Random(seed)
        self.tell = tell
        self.broker = Broker()
        self.retention_ms = SHORT_MS if seed % 3 == 0 else RETENTION_MS
        self.broker.tombstones_kept_ms = min(DAY_MS, self.retention_ms)
        self.events = Events(self.rng, self.broker, self.retention_ms)
        self.published = Published(self.retention_ms)
        self.processes = [
            Process(name, self.broker, self._reach, self.retention_ms) for name in NAMES
        ]
        self.group: dict[int, Process] = {}
        self.checkers = [Checker(n, self.broker, self.published) for n in range(PARTITIONS)]
        self.fault: Fault | None = None
        self.points: Counter[str] = Counter()
        """Write points reached, by name."""
        self.struck: Counter[str] = Counter()
        self._disasters = 0
        self._quiet = False

    def run(self) -> None:
        """Play it all; :class:`Violation` if an invariant does not hold."""
        self._rebalance()
        for _ in range(STEPS):
            self.broker.now += self.rng.randrange(1, 5_000)
            if self.fault is None and self.rng.random() < 0.4:
                self.fault = Fault(self.rng.choice(list(FAULTS)), self.rng.randrange(1, 10))
            self._step()
            self._check()
        self._settle()
        self._rebuild()

    # -- what happens ----------------------------------------------------------------------------

    def _step(self) -> None:
        steps: dict[Callable[[], None], float] = {
            self._publish: 6,
            self._deliver: 9,
            self._again: 1,
            self._keep_alive: 1,
            self._sweep: 1,
            self._rebalance: 1.5,
            self._kill: 1,
            self._stop: 0.7,
            self._compact: 1.5,
            self._back_up: 1,
            self._outage: 0.5,
            self._fill_disk: 0.3,
            self._disaster: 0.4,
        }
        self.rng.choices(list(steps), list(steps.values()))[0]()

    def _somebody(self) -> Process | None:
        """A process that does something."""
        return self.rng.choice(there) if (there := self._there()) else None

    def _there(self) -> list[Process]:
        return [p for p in self.processes if p.alive and not p.stopped]

    def _publish(self) -> None:
        number = self.rng.randrange(1, 8)
        for _ in range(number):
            self.events.publish()
            self.broker.now += self.rng.randrange(50)
        self.published.note(self.broker)
        self.tell(f"publish {number}")

    def _deliver(self) -> None:
        process = self._somebody()
        if process is None or not process.owned:
            self._rebalance()
            return
        number = self.rng.choice(process.owned)
        topics = self.rng.sample(list(SOURCE_TOPICS.values()), self.rng.randrange(1, 5))
        self.tell(f"deliver to {process.name}, partition {number}")
        process.deliver(number, self.rng.randrange(1, 9), topics)

    def _again(self) -> None:
        if (process := self._somebody()) is not None:
            self.tell(f"deliver again to {process.name}")
            process.deliver_again()

    def _keep_alive(self) -> None:
        if (process := self._somebody()) is not None:
            self.tell(f"keep alive: {process.name}")
            process.keep_alive()

    def _sweep(self) -> None:
        if (process := self._somebody()) is not None:
            self.tell(f"sweep: {process.name}")
            process.sweep()

    def _rebalance(self) -> None:
        """The group gives every partition to somebody who is there."""
        for process in self.processes:
            if not process.alive and self.rng.random() < 0.7:
                self._restart(process)
        members = self._there()
        if not members:
            return
        owners = {number: self.rng.choice(members) for number in range(PARTITIONS)}
        self.tell(f"rebalance: { ({n: p.name for n, p in owners.items()}) }")
        self._assign(members, owners)

    def _assign(self, members: list[Process], owners: dict[int, Process]) -> None:
        self.group = owners
        for process in members:
            process.revoked()
        for process in members:
            numbers = {n for n, owner in owners.items() if owner is process}
            if process.alive and not process.assigned(numbers):
                self.tell(f"{process.name} died at its assignment")

    def _restart(self, process: Process) -> None:
        if not self._quiet and self.rng.random() < 0.2:
            self.tell(f"{process.name}: {process.disk.mishap(self.rng)}")
        process.disk.full = False
        process.start()
        self.tell(f"{process.name} starts")

    def _kill(self) -> None:
        if (process := self._somebody()) is not None:
            self.tell(f"kill {process.name}")
            process.die()
            process.disk.crash(self.rng)

    def _stop(self) -> None:
        """SIGSTOP for one, or SIGCONT: the others take over what it held, and it does not know."""
        stopped = [p for p in self.processes if p.stopped and p.alive]
        if stopped:
            stopped[0].stopped = False
            self.tell(f"{stopped[0].name} goes on")
            return
        if (process := self._somebody()) is not None:
            process.stopped = True
            self.tell(f"{process.name} stops")
            self._rebalance()

    def _compact(self) -> None:
        number = self.rng.randrange(PARTITIONS)
        log = self.broker.status[number]
        if log.end:
            self.broker.compact(number, self.rng.randrange(log.first, log.end + 1))

    def _back_up(self) -> None:
        self.rng.choice(self.processes).disk.back_up()

    def _outage(self) -> None:
        self.broker.outage = self.rng.randrange(1, 4)

    def _fill_disk(self) -> None:
        self.rng.choice(self.processes).disk.full = True

    def _disaster(self) -> None:
        """Something that no transaction guards against; one a run."""
        if self._disasters or self.broker.outage:
            return
        self._disasters += 1
        what = self.rng.choice(["status emptied", "status anew", "source anew", "source cut"])
        if what.startswith("source"):
            self._settle()
        self.tell(what)
        self.published.note(self.broker)
        for checker in self.checkers:
            checker.follow()
            checker.excused = True
        if what == "status emptied":
            for number in range(PARTITIONS):
                self.broker.empty_status(number)
        elif what == "status anew":
            self.broker.recreate(STATUS, "second")
        elif what == "source anew":
            self.broker.recreate(self.rng.choice(list(SOURCE_TOPICS.values())), "second")
        else:
            self._cut(self.rng.choice(list(SOURCE_TOPICS.values())))
            # Fetches never pause: the clients are told at once that their positions are gone.
            self._deliver_all()

    def _cut(self, topic: str) -> None:
        """The broker loses the last records of a topic, all of them read."""
        for number, checker in enumerate(self.checkers):
            log = self.broker.sources[topic, number]
            if len(log) > 1:
                for _ in range(self.rng.randrange(1, len(log))):
                    self._lose(log.pop(), (topic, self.broker.topic_ids[topic], number), checker)

    def _lose(self, record: Record, log: tuple[str, str, int], checker: Checker) -> None:
        del self.published.logs[log][record.offset]
        checker.cover_lost(log, record)

    # -- faults ----------------------------------------------------------------------------------

    def _reach(self, process: Process, point: str) -> None:
        self.points[point] += 1
        fault = self.fault
        if fault is None or not point.startswith(FAULTS[fault.kind]):
            return
        fault.after -= 1
        if fault.after > 0:
            return
        self.fault = None
        self.struck[fault.kind] += 1
        self.tell(f"  {fault.kind} at '{point}' of {process.name}")
        self._strike(fault.kind, process)

    def _strike(self, kind: str, process: Process) -> None:
        if kind == "crash":
            process.disk.crash(self.rng)
            raise Crash
        if kind == "lost acknowledgement":
            raise lost_acknowledgement()
        if kind == "write error":
            raise OSError("the simulated disk failed")
        if kind == "read error":
            raise OSError("the simulated disk does not read")
        if kind == "registry away":
            raise RegistryUnavailable("the simulated registry is away")
        self._take_over(process)

    def _take_over(self, zombie: Process) -> None:
        """Another worker gets everything while this one is in the middle of something."""
        other = next(p for p in self.processes if p is not zombie)
        if not other.alive:
            self._restart(other)
        if other.stopped:
            return
        owners = dict.fromkeys(range(PARTITIONS), other)
        self._assign([other], owners)
        for number in other.owned:
            if number in other.owned:  # it may have died meanwhile
                other.deliver(number, self.rng.randrange(1, 6), list(SOURCE_TOPICS.values()))

    # -- checks ----------------------------------------------------------------------------------

    def _check(self) -> None:
        self.published.note(self.broker)
        for checker in self.checkers:
            checker.follow()

    def _settle(self) -> None:
        """No further faults: everything is read, within a bound."""
        self.fault, quiet, self._quiet = None, self._quiet, True
        self.broker.outage = 0
        for process in self.processes:
            process.stopped = False
        for _ in range(ROUNDS):
            if self._round():
                break
        else:
            raise Violation(f"I10: not everything is read after {ROUNDS} quiet rounds")
        self._check()
        for number, checker in enumerate(self.checkers):
            checker.at_rest(self._table(self.group[number], number))
        self._quiet = quiet

    def _round(self) -> bool:
        """Whether there was nothing left to do."""
        self.broker.now += 60_000
        if any(not p.alive for p in self.processes) or not self._as_the_group_says():
            for process in self.processes:
                if not process.alive:
                    self._restart(process)
            self._rebalance()
            return False
        self._deliver_all()
        for process in self.processes:
            process.keep_alive()
            process.sweep()
        return self._as_the_group_says() and all(
            process.alive and process.is_at_end(number) for number, process in self.group.items()
        )

    def _deliver_all(self) -> None:
        for number, process in self.group.items():
            if number in process.owned:
                process.deliver(number, 50, list(SOURCE_TOPICS.values()))

    def _as_the_group_says(self) -> bool:
        """Whether everybody believes to own what it owns, and no more."""
        return all(
            set(process.owned) == {n for n, p in self.group.items() if p is process}
            for process in self.processes
        )

    def _table(self, process: Process, number: int) -> dict[str, bytes]:
        content = process.disk.folders[number].content()
        return {key[1:].decode(): value for key, value in content.scan(b"d")}

    def _rebuild(self) -> None:
        """A new machine with an empty disk holds the same, and so does a fold of all events."""
        fresh = Process("fresh", self.broker, lambda process, point: None, self.retention_ms)
        fresh.start()
        if not fresh.assigned(set(range(PARTITIONS))):
            raise Violation("I12: the table cannot be rebuilt from the status topic")
        for number, checker in enumerate(self.checkers):
            checker.follow()
            if self._table(fresh, number) != checker.table and not checker.excused:
                raise Violation("I12: rebuilt from the status topic is not the live table")
            if not fresh.is_at_end(number) and not checker.excused:
                raise Violation("I12: a rebuilt partition reads events again")
            if not checker.excused:
                made = rebuild(self.broker, number, reader(self.retention_ms), self.retention_ms)
                if not made.run(write=False).is_right:
                    raise Violation("I12: made anew from the events is not the live table")


def play(seed: int, tell: Callable[[str], None] = lambda line: None) -> World:
    """Run a seed; an error carries the seed and how to see it again."""
    world = World(seed, tell)
    try:
        world.run()
    except Exception as error:
        error.add_note(f"seed {seed}: python -m tests.simulation --seed {seed}")
        raise
    return world
