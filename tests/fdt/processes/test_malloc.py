"""A process of many threads has few malloc arenas, and gives large blocks back, unless its operator
says otherwise."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="another C library has nothing to tell of these"
)

BEGIN = """
import ctypes, sys, threading
from fdt.processes.malloc import keep_malloc_small

keep_malloc_small()
libc = ctypes.CDLL(None)
libc.fopen.restype = libc.malloc.restype = ctypes.c_void_p
"""
MANY_THREADS = """
together = threading.Barrier(13)

def use():
    libc.malloc(1_000)
    together.wait()

for _ in range(12):
    threading.Thread(target=use).start()
together.wait()
"""
LARGE_BLOCKS = """
for _ in range(2):  # glibc raises its threshold when the first is given back
    block = ctypes.c_void_p(libc.malloc(4 << 20))
    libc.free(block)
blocks = [libc.malloc(4 << 20) for _ in range(20)]
"""
TELL = """
told = ctypes.c_void_p(libc.fopen(sys.argv[1].encode(), b"w"))
libc.malloc_info(0, told)
libc.fclose(told)
"""


def told(tmp_path: Path, use: str, asked: dict[str, str]) -> str:
    """What glibc itself says of a process after such use."""
    answer = tmp_path / "malloc.xml"
    environment = {n: value for n, value in os.environ.items() if not n.startswith("MALLOC_")}
    subprocess.run(
        [sys.executable, "-c", BEGIN + use + TELL, str(answer)],
        env={**environment, **asked},
        check=True,
        timeout=60,
    )
    return answer.read_text()


@pytest.mark.parametrize(("asked", "arenas"), [({}, 2), ({"MALLOC_ARENA_MAX": "5"}, 5)])
def test_threads_share_few_arenas(tmp_path: Path, asked: dict[str, str], arenas: int) -> None:
    """Two, or what the operator asks for."""
    assert told(tmp_path, MANY_THREADS, asked).count("<heap nr=") == arenas


@pytest.mark.parametrize(
    ("asked", "apart"), [({}, True), ({"MALLOC_MMAP_THRESHOLD_": "33554432"}, False)]
)
def test_large_blocks_lie_apart(tmp_path: Path, asked: dict[str, str], apart: bool) -> None:
    """However often one of their size was given back: twenty of them, here."""
    found = re.search(r'<total type="mmap" count="(\d+)"', told(tmp_path, LARGE_BLOCKS, asked))
    assert found is not None
    assert (int(found[1]) >= 20) is apart
