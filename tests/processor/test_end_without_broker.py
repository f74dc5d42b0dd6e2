"""A worker that is told to end while its broker is gone ends, and commits nothing more."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

from bench.load import one_each, send
from fdt.brokers.local import LocalKafka
from processor.safety.watchdog import EXIT_STALLED, ORDERLY_END_S
from tests.support.processes import worker
from tests.support.topics import create_anew

INTERVAL_S = 1
EVENTS = 100_000
"""More than a worker has folded when its broker ends."""
CUT_SHORT = f"it was told to end {ORDERLY_END_S:g} s ago"
PROCESS_S = 15.0
"""Until the watchdog has looked, and a process under load is gone."""


def test_it_does_not_wait_for_the_broker_for_ever(tmp_path: Path) -> None:
    """With nothing in hand the end is in order, or it is cut short and says so."""
    with LocalKafka(tmp_path / "kafka") as broker:
        create_anew(broker.bootstrap_servers)
        code, said = ended_without(broker.stop, broker, tmp_path, 3 * INTERVAL_S)
    assert code in (0, EXIT_STALLED), said
    assert (CUT_SHORT in said) == (code == EXIT_STALLED), said


def test_a_batch_in_hand_is_cut_short(tmp_path: Path) -> None:
    """Its transaction waits for the broker; the sentence says what becomes of that."""
    with LocalKafka(tmp_path / "kafka") as broker:
        create_anew(broker.bootstrap_servers)
        send(broker.bootstrap_servers, one_each(EVENTS))
        code, said = ended_without(broker.kill, broker, tmp_path, INTERVAL_S)
    assert code == EXIT_STALLED, said
    assert CUT_SHORT in said


def ended_without(
    end: Callable[[], None], broker: LocalKafka, folder: Path, after_s: float
) -> tuple[int, str]:
    """Exit code and log of a worker that was told to end so long after its broker had ended."""
    log = folder / "log"
    interval = {"FDT_IDLE_CONTROL_INTERVAL": f"PT{INTERVAL_S}S"}
    with worker(broker.bootstrap_servers, folder, **interval) as process:
        deadline = time.monotonic() + 60
        while log.read_text().count("goes on at") < 4:
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
        end()
        time.sleep(after_s)
        process.send_signal(signal.SIGTERM)
        return process.wait(ORDERLY_END_S + PROCESS_S), log.read_text()
