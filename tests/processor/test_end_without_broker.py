"""A worker that is told to end while its broker is gone ends, and commits nothing more."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from fdt.brokers.local import LocalKafka
from processor.safety.watchdog import EXIT_STALLED, ORDERLY_END_S
from tests.support.processes import worker
from tests.support.topics import create_anew

INTERVAL_S = 1
PROCESS_S = 15.0
"""Until the watchdog has looked, and a process under load is gone."""


def test_it_does_not_wait_for_the_broker_for_ever(tmp_path: Path) -> None:
    """A transaction in hand does, and is cut short with a sentence that says what becomes of it;
    where none is in hand, the end is in order."""
    log = tmp_path / "log"
    with LocalKafka(tmp_path / "kafka") as broker:
        create_anew(broker.bootstrap_servers)
        interval = {"FDT_IDLE_CONTROL_INTERVAL": f"PT{INTERVAL_S}S"}
        with worker(broker.bootstrap_servers, tmp_path, **interval) as process:
            deadline = time.monotonic() + 60
            while log.read_text().count("goes on at") < 4:
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.2)
            broker.stop()
            time.sleep(3 * INTERVAL_S)  # by then the next control record waits for the broker
            process.send_signal(signal.SIGTERM)
            code = process.wait(ORDERLY_END_S + PROCESS_S)
    assert code in (0, EXIT_STALLED), log.read_text()
    cut_short = f"it was told to end {ORDERLY_END_S:g} s ago" in log.read_text()
    assert cut_short == (code == EXIT_STALLED), log.read_text()
