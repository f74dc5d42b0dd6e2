"""A disk that is full for one kind of write: the kernel itself answers ``ENOSPC``.

A child process puts itself under a seccomp filter that reports its writes (``seccomp_unotify(2)``)
and hands the reports' file descriptor to the test. The test looks at each one, at the file's name
and at the thread that writes, and answers *go on* or ``ENOSPC``. So nothing between the system call
and the code under test is a double. Linux 5.8 or newer, x86-64 or AArch64.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import platform
import re
import select
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

CALLS: Final = {
    "x86_64": {
        "openat": 257,
        "write": 1,
        "pwrite64": 18,
        "fsync": 74,
        "fdatasync": 75,
        "fallocate": 285,
        "ftruncate": 77,
        "rename": 82,
        "renameat": 264,
        "mkdir": 83,
        "mkdirat": 258,
    },
    "aarch64": {
        "openat": 56,
        "write": 64,
        "pwrite64": 68,
        "fsync": 82,
        "fdatasync": 83,
        "fallocate": 47,
        "ftruncate": 46,
        "renameat": 38,
        "mkdirat": 34,
    },
}
"""Number of each system call that puts something on a disk, by machine."""
_AUDIT_ARCH: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_SECCOMP: Final = {"x86_64": 317, "aarch64": 277}

_PR_SET_NO_NEW_PRIVS: Final = 38
_SET_MODE_FILTER: Final = 1
_NEW_LISTENER: Final = 1 << 3
_ALLOW, _USER_NOTIF = 0x7FFF0000, 0x7FC00000
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06
"""BPF: load a word of the call, jump if it is equal, answer."""
_NOTIFICATION: Final = struct.Struct("=QII iIQ6Q")
"""``struct seccomp_notif``: id, thread, flags; the call's number, machine, place and arguments."""
_RESPONSE: Final = struct.Struct("=QqiI")
_RECEIVE, _SEND = 0xC0502100, 0xC0182101
_GO_ON: Final = 1
_ASK: Final = """
import os, sys
from tests.support.no_space import report_writes
report_writes(int(sys.argv[1]))
os._exit(0)
"""

_PATH_ARGUMENT: Final = {"openat": 1, "rename": 1, "renameat": 3, "mkdir": 0, "mkdirat": 1}
"""Which argument names the file that comes to be; the other calls have a descriptor first."""
_PLAIN: Final = {"pwrite64": "write", "renameat": "rename", "mkdirat": "mkdir"}
"""What goes by another name on another machine."""


def unsupported() -> str | None:
    """Why this machine cannot do it; none if it can."""
    if sys.platform != "linux":
        return "seccomp is Linux's"
    if platform.machine() not in CALLS:
        return f"no system call numbers for {platform.machine()}"
    release = re.match(r"(\d+)\.(\d+)", platform.release())
    if release is None or tuple(map(int, release.groups())) < (5, 8):
        return f"the kernel {platform.release()} is older than 5.8"
    return _refused()


@cache
def _refused() -> str | None:
    """What a kernel, or the sandbox around it, says to a child that asks for the filter."""
    ours, its = socket.socketpair()
    with ours, its:
        asked = subprocess.run(
            [sys.executable, "-c", _ASK, str(its.fileno())],
            pass_fds=[its.fileno()],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    return None if asked.returncode == 0 else f"no filter here: {asked.stderr[-200:]}"


@dataclass(frozen=True, slots=True)
class Write:
    """One system call of the child that would put something on the disk."""

    call: str
    path: str
    thread: str
    """``main``, or the name that the thread gave itself."""


@dataclass(frozen=True, slots=True)
class FullFor:
    """There is no room for one kind of write: a call of :data:`CALLS`, on files whose names match
    ``path``, by one thread; the first ``after`` of them still have room."""

    call: str
    path: str
    thread: str
    after: int = 0

    def means(self, write: Write) -> bool:
        """Whether a write is of this kind."""
        if (write.call, write.thread) != (self.call, self.thread):
            return False
        return re.search(self.path, write.path) is not None


@dataclass(slots=True)
class Ended:
    """How a child ended."""

    code: int
    told: str
    """What it wrote to its standard error."""
    refused: list[Write] = field(default_factory=list)


# -- the child's side --------------------------------------------------------------------------


def report_writes(connection: int) -> None:
    """Put this process under the filter, for good, and hand the reports to the test.

    Every thread that is started from here on is under it too. ``OSError`` if the kernel refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    words = _program(platform.machine())
    code = ctypes.create_string_buffer(b"".join(words))

    class Program(ctypes.Structure):
        _fields_ = (("len", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    program = Program(len(words), ctypes.addressof(code))
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    number = ctypes.c_long(_SECCOMP[platform.machine()])
    with socket.socket(fileno=connection) as test:
        listener = libc.syscall(number, _SET_MODE_FILTER, _NEW_LISTENER, ctypes.byref(program))
        if listener < 0:
            raise OSError(ctypes.get_errno(), "seccomp")
        socket.send_fds(test, [b"."], [listener])
        os.close(listener)


def _program(machine: str) -> list[bytes]:
    """Report the calls of :data:`CALLS`, let everything else pass."""
    numbers = CALLS[machine].values()

    def word(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
        return struct.pack("=HBBI", code, then, otherwise, value)

    return [
        word(_LOAD, 4),  # the machine, after the number
        word(_EQUAL, _AUDIT_ARCH[machine], 1, 0),
        word(_RETURN, _ALLOW),
        word(_LOAD, 0),
        *(word(_EQUAL, n, len(numbers) - i) for i, n in enumerate(numbers)),
        word(_RETURN, _ALLOW),
        word(_RETURN, _USER_NOTIF),
    ]


# -- the test's side ---------------------------------------------------------------------------


def run(
    command: list[str], full: FullFor, first_refusal: Callable[[], None], timeout: float = 60
) -> Ended:
    """Run a Python command to its end; it gets one more argument, for :func:`report_writes`.

    ``first_refusal`` is called while the first write that finds no room still waits for its answer.
    """
    ours, its = socket.socketpair()
    with ours, its:
        child = subprocess.Popen(
            [sys.executable, *command, str(its.fileno())],
            pass_fds=[its.fileno()],
            stderr=subprocess.PIPE,
            text=True,
        )
        its.close()
        judge = _Judge(child.pid, full, first_refusal)
        answering = threading.Thread(target=judge.answer_all, args=[ours])
        answering.start()
        try:
            told = child.communicate(timeout=timeout)[1]
        finally:
            child.kill()
            child.wait()
            answering.join()
    return Ended(child.returncode, told, judge.refused)


class _Judge:
    """Answers every report of a child."""

    def __init__(self, child: int, full: FullFor, first_refusal: Callable[[], None]) -> None:
        self._child = child
        self._full = full
        self._first_refusal = first_refusal
        self._passed = 0
        self._calls = {number: name for name, number in CALLS[platform.machine()].items()}
        self.refused: list[Write] = []

    def answer_all(self, connection: socket.socket) -> None:
        """Until the last thread of the child has ended."""
        _, listeners, _, _ = socket.recv_fds(connection, 1, 1)
        for listener in listeners:  # none if the child ended before it had one
            poll = select.poll()
            poll.register(listener, select.POLLIN)
            try:
                while poll.poll()[0][1] & select.POLLIN:
                    self._answer(listener)
            finally:
                os.close(listener)  # whoever still waits is told that there is no such call

    def _answer(self, listener: int) -> None:
        report = bytearray(_NOTIFICATION.size)
        try:
            fcntl.ioctl(listener, _RECEIVE, report)
            identity, thread, _, call, _, _, *arguments = _NOTIFICATION.unpack(report)
            write = self._write(thread, self._calls[call], arguments)
            refused = write is not None and self._refuses(write)
            error, flags = (-errno.ENOSPC, 0) if refused else (0, _GO_ON)
            fcntl.ioctl(listener, _SEND, _RESPONSE.pack(identity, 0, error, flags))
        except (FileNotFoundError, ProcessLookupError):
            pass  # the thread was killed while it waited for the answer

    def _refuses(self, write: Write) -> bool:
        if not self._full.means(write):
            return False
        if self._passed < self._full.after:
            self._passed += 1
            return False
        if not self.refused:
            self._first_refusal()
        self.refused.append(write)
        return True

    def _write(self, thread: int, call: str, arguments: list[int]) -> Write | None:
        if call == "openat" and not arguments[2] & os.O_CREAT:
            return None
        process = Path(f"/proc/{thread}")
        if call in _PATH_ARGUMENT:
            path = _text(process / "mem", arguments[_PATH_ARGUMENT[call]])
        else:
            path = os.readlink(process / "fd" / str(arguments[0]))
        name = "main" if thread == self._child else (process / "comm").read_text().strip()
        return Write(_PLAIN.get(call, call), path, name)


def _text(memory: Path, address: int) -> str:
    with memory.open("rb", buffering=0) as file:
        file.seek(address)
        page = file.read(4096 - address % 4096)
        if b"\0" not in page:
            page += file.read(4096)
    return os.fsdecode(page.partition(b"\0")[0])
