"""Seeds without a violation, and proof that the simulator would have found the known defects."""

from __future__ import annotations

import re

import pytest

from tests.simulation.__main__ import main, run
from tests.simulation.defects import DEFECTS, put_back
from tests.simulation.oracle import Violation
from tests.simulation.world import FAULTS, play

SEEDS = 300
WITHIN = 500
"""Seeds in which a known defect must be found."""


def test_no_seed_finds_a_violation(capsys: pytest.CaptureFixture[str]) -> None:
    """Every fault strikes, every write point is reached, every invariant holds."""
    assert run(range(SEEDS)) == 0, capsys.readouterr().err
    told = capsys.readouterr().out
    for word in (*FAULTS, "recovery: reading", "set aside", "store: after the write"):
        assert word in told


@pytest.mark.parametrize("name", DEFECTS)
def test_a_known_defect_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put back, it breaks an invariant within so many seeds, whose number is told."""
    put_back(name, monkeypatch.setattr)
    with pytest.raises(Violation) as found:
        play_all(range(WITHIN))
    assert re.search(r"python -m tests\.simulation --seed \d+", found.value.__notes__[0])


def play_all(seeds: range) -> None:
    """To the first violation."""
    for seed in seeds:
        play(seed)


def test_a_seed_always_gives_the_same_run() -> None:
    """A failing seed can be seen again."""
    first: list[str] = []
    again: list[str] = []
    other: list[str] = []
    play(11, first.append)
    play(11, again.append)
    play(12, other.append)
    assert first == again != other


def test_a_failing_seed_says_how_to_see_it_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command line ends with 1, and names the seed."""
    monkeypatch.setattr("sys.argv", ["simulation", "--seeds", "9"])
    put_back("commit before write", monkeypatch.setattr)
    assert main() == 1
    assert "python -m tests.simulation --seed 0" in capsys.readouterr().err
