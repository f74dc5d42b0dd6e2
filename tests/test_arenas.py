"""A process of many threads has few malloc arenas, unless its operator says otherwise."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

MANY_THREADS = """
import ctypes, sys, threading
from fdt.arenas import limit_arenas

limit_arenas()
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
together = threading.Barrier(13)

def use():
    libc.malloc(1_000)
    together.wait()

for _ in range(12):
    threading.Thread(target=use).start()
together.wait()
told = ctypes.c_void_p(libc.fopen(sys.argv[1].encode(), b"w"))
libc.malloc_info(0, told)
libc.fclose(told)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has arenas to limit")
@pytest.mark.parametrize(("asked", "arenas"), [({}, 2), ({"MALLOC_ARENA_MAX": "5"}, 5)])
def test_threads_share_few_arenas(tmp_path: Path, asked: dict[str, str], arenas: int) -> None:
    """As glibc itself counts them."""
    told = tmp_path / "arenas.xml"
    environment = {name: value for name, value in os.environ.items() if name != "MALLOC_ARENA_MAX"}
    subprocess.run(
        [sys.executable, "-c", MANY_THREADS, str(told)],
        env={**environment, **asked},
        check=True,
        timeout=60,
    )
    assert told.read_text().count("<heap nr=") == arenas
