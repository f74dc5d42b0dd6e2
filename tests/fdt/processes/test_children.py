"""Child processes die with us, and what is in the way of a run is told in one sentence."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fdt.errors import UserError
from fdt.processes import bound_to_parent
from fdt.processes.children import end, free_port, port_is_free, require_disk, spawn

SLEEPER = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + SLEEPER
PARENT = """
import os, subprocess, sys, time
how, sleeper = sys.argv[1:]
from fdt.processes import bound_to_parent
child = subprocess.Popen(
    [sys.executable, bound_to_parent.__file__, str(os.getpid()), how, sys.executable, "-c", sleeper]
)
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize(
    "how",
    [
        pytest.param(
            bound_to_parent.KERNEL,
            marks=pytest.mark.skipif(sys.platform != "linux", reason="the kernel's way is Linux's"),
        ),
        bound_to_parent.GUARD,
    ],
)
def test_a_child_dies_with_a_parent_that_is_killed(how: str) -> None:
    """SIGKILL gives the parent no chance to end anything."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, how, SLEEPER], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        said = {parent.stdout.readline().strip(), parent.stdout.readline().strip()}
        child = int(next(word for word in said if word != "up"))
        assert is_alive(child)
        parent.kill()
        parent.wait()
    eventually(lambda: not is_alive(child))


def test_a_child_of_a_thread_survives_the_thread() -> None:
    """The kernel ties a child to the thread that made it, so there it is not used."""
    started: list[subprocess.Popen[bytes]] = []
    thread = threading.Thread(target=lambda: started.append(spawn([sys.executable, "-c", SLEEPER])))
    thread.start()
    thread.join()
    time.sleep(0.3)
    assert started[0].poll() is None
    assert end(started[0], 10) == -signal.SIGTERM


def test_the_process_id_is_the_commands_own(tmp_path: Path) -> None:
    """So that a signal reaches the command and not a wrapper."""
    note = tmp_path / "pid"
    script = f"import os, pathlib; pathlib.Path({str(note)!r}).write_text(str(os.getpid()))"
    process = spawn([sys.executable, "-c", script])
    assert process.wait(30) == 0
    assert int(note.read_text()) == process.pid


def test_a_command_that_is_not_there_is_one_sentence() -> None:
    """With the exit code that shells use for it."""
    process = spawn(["/no/such/command"], output=subprocess.PIPE)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 127
    assert out == b"/no/such/command cannot be run: No such file or directory.\n"


def test_a_process_that_does_not_listen_is_killed() -> None:
    """SIGTERM first, SIGKILL after the grace."""
    process = spawn([sys.executable, "-c", STUBBORN], output=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    assert end(process, 0.2) == -signal.SIGKILL
    process.stdout.close()


def test_a_port_that_somebody_listens_on_is_not_free() -> None:
    """And one that nobody listens on is."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert not port_is_free(server.getsockname()[1])
    assert port_is_free(free_port())


def test_an_address_that_the_machine_does_not_have_is_one_sentence() -> None:
    """192.0.2.1 is nobody's (RFC 5737)."""
    with pytest.raises(UserError, match=r"no address 192\.0\.2\.1 to listen on"):
        port_is_free(8080, "192.0.2.1")


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    """It names the folder and the reason."""
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file/folder cannot be used: Not a directory"):
        require_disk(tmp_path / "file" / "folder", 1)


def is_alive(process_id: int) -> bool:
    """Whether the process is there and not only waiting to be reaped."""
    answer = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(process_id)], capture_output=True, text=True
    )
    return answer.stdout.strip() != "" and not answer.stdout.startswith("Z")


def eventually(holds: Callable[[], bool], seconds: float = 15) -> None:
    """Waits until something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)
