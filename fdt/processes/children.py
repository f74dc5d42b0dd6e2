"""Child processes, ports and disk space for commands: a run leaves nothing behind."""

from __future__ import annotations

import errno
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Final

from fdt.errors import UserError
from fdt.processes import bound_to_parent

LOCALHOST: Final = "127.0.0.1"
MIB: Final = 1024 * 1024

_PORTS: Final = range(20_000, 32_000)
"""Below the range that systems give to outgoing connections, so that a port is still free at a
restart."""
_ATTEMPTS: Final = 200


def spawn(
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str] | None = None,
    output: int | IO[bytes] = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Starts ``command``; it dies with this process, and Ctrl-C on the terminal does not reach it.

    ``output`` takes its standard output and standard error; ``environment`` is added to ours.
    """
    by_kernel = sys.platform == "linux" and threading.current_thread() is threading.main_thread()
    wrapper = [
        *(sys.executable, "-I", "-S", bound_to_parent.__file__),
        *(str(os.getpid()), bound_to_parent.KERNEL if by_kernel else bound_to_parent.GUARD),
    ]
    return subprocess.Popen(
        [*wrapper, *map(str, command)],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env={**os.environ, **(environment or {})},
        start_new_session=True,
    )


def end(process: subprocess.Popen[bytes], grace_seconds: float) -> int:
    """SIGTERM, then SIGKILL after ``grace_seconds``; the exit code (negative for a signal)."""
    if process.poll() is None:
        process.terminate()
    try:
        return process.wait(grace_seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def ending(code: int) -> str:
    """An exit code in words, such as ``signal SIGKILL``."""
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def free_port() -> int:
    """A port of this machine that nobody listens on and that the system does not hand out by
    itself; :class:`~fdt.errors.UserError` if there is none."""
    for port in random.sample(_PORTS, _ATTEMPTS):
        if port_is_free(port):
            return port
    raise UserError(
        f"No port between {_PORTS.start} and {_PORTS.stop} is free on {LOCALHOST}: end what "
        "listens there."
    )


def port_is_free(port: int, host: str = LOCALHOST) -> bool:
    """Whether a server could listen on the port now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise UserError(
                f"This machine has no address {host} to listen on ({error.strerror})."
            ) from error
    return True


def require_disk(folder: Path, least_mb: int) -> None:
    """Creates ``folder``; :class:`UserError` unless ``least_mb`` MiB are free there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free_mb = shutil.disk_usage(folder).free // MIB
    except OSError as error:
        raise UserError(f"The folder {folder} cannot be used: {error.strerror}.") from error
    if free_mb < least_mb:
        raise UserError(
            f"Only {free_mb} MiB are free in {folder} and {least_mb} are needed: "
            "make room, or name another folder with FDT_DATA_DIR."
        )
