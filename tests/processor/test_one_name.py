"""Two workers, or two read sides, under one name: one sentence, and the first goes on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from fdt.processes.children import free_port
from runtime.alone import only_one
from tests.processor.test_topics_while_running import get, until
from tests.support.processes import running


def test_a_lock_is_held_by_one_and_let_go_of(tmp_path: Path) -> None:
    """The other is told the holder's process id and what must differ."""
    with only_one(tmp_path / "lock", "FDT_WORKER_NAME"):
        code = (
            "import sys; from pathlib import Path; from runtime.alone import only_one\n"
            "with only_one(Path(sys.argv[1]), 'FDT_WORKER_NAME'): pass"
        )
        other = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "lock")],
            capture_output=True,
            text=True,
            check=False,
        )
    assert f"Process {os.getpid()} on this machine works in {tmp_path} already" in other.stderr
    assert "give each its own FDT_WORKER_NAME" in other.stderr
    with only_one(tmp_path / "lock", "X"):
        pass


def second(command: str, bootstrap: str, folder: Path, **settings: str) -> tuple[int, str]:
    """Exit code and standard error of a second one."""
    ended = subprocess.run(
        [sys.executable, "-m", "fdt", command],
        env={
            **os.environ,
            "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
            "FDT_DATA_DIR": str(folder),
            "FDT_SESSION_TIMEOUT": "PT6S",
            **settings,
        },
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    return ended.returncode, ended.stderr


def test_a_second_worker_of_the_same_name_does_not_start(fresh_topics: str, tmp_path: Path) -> None:
    """In the same folder at once, in another after a session; the first stays what it was."""
    port, log = free_port(), tmp_path / "log"
    environment = {
        "KAFKA_BOOTSTRAP_SERVERS": fresh_topics,
        "FDT_DATA_DIR": str(tmp_path / "first"),
        "FDT_SESSION_TIMEOUT": "PT6S",
        "FDT_PROCESSOR_PORT": str(port),
    }
    with running("process", log=log, **environment):
        until(lambda: get(f"http://127.0.0.1:{port}/readyz")[0] == 200)
        code, told = second("process", fresh_topics, tmp_path / "first")
        assert code == 2
        assert "give each its own FDT_WORKER_NAME" in told
        assert "Traceback" not in told
        code, told = second("process", fresh_topics, tmp_path / "second")
        assert code == 2
        assert "give each worker its own FDT_WORKER_NAME" in told
        assert "127.0.0.1" in told
        assert get(f"http://127.0.0.1:{port}/readyz")[0] == 200
    assert log.read_text().count("goes on at") == 4, "no partition was given away"


def test_a_second_read_side_of_the_same_name_does_not_start(
    fresh_topics: str, tmp_path: Path
) -> None:
    """RocksDB would say *LOCK: Resource temporarily unavailable*."""
    port = str(free_port())
    environment = {"KAFKA_BOOTSTRAP_SERVERS": fresh_topics, "FDT_DATA_DIR": str(tmp_path)}
    with running("serve", log=tmp_path / "log", FDT_API_PORT=port, **environment):
        until(lambda: get(f"http://127.0.0.1:{port}/readyz")[0] == 200)
        code, told = second("serve", fresh_topics, tmp_path, FDT_API_PORT=str(free_port()))
        assert code == 2
        assert "give each its own FDT_READ_VIEW_NAME" in told
