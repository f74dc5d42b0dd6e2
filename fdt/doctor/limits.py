"""Checks the limits of a process: memory and open files."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from fdt.doctor.findings import Asked, Finding, failure, not_checked, ok, warning

_MIB: Final = 1024 * 1024
FILES_OF_A_STORE: Final = 256
"""RocksDB's bound for each partition's database (docs/reliability.md#soak)."""
OTHER_FILES: Final = 128
"""Connections, logs, libraries."""
BESIDE_STORES_MB: Final = 270
"""What a worker at full rate takes beside its stores (docs/reliability.md#soak)."""
_CGROUP: Final = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
_MEMINFO: Final = Path("/proc/meminfo")


def looked_at(asked: Asked) -> Iterator[Finding]:
    """For one program with every partition."""
    yield _files(asked.settings.partitions)
    yield _memory(asked.settings.store_memory_mb)


def _files(partitions: int) -> Finding:
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = FILES_OF_A_STORE * partitions + OTHER_FILES
    told = f"{allowed:,} files may be open at once; a worker with every partition takes {most:,}"
    mend = "Raise it: 'ulimit -n', LimitNOFILE of a unit, or nofile of a container"
    if allowed < FILES_OF_A_STORE:
        return failure(f"{told} at most", mend)
    if allowed < most:
        return warning(f"{told} at most", mend)
    return ok(f"{told} at most")


def _memory(stores_mb: int) -> Finding:
    limit = _most_memory()
    if limit is None:
        return not_checked("This system does not tell how much memory there is")
    needed = stores_mb + BESIDE_STORES_MB
    told = f"{limit:,} MiB of memory may be used; a program at full rate takes {needed:,}"
    mend = "Give it more (the container's limit), or lower FDT_STORE_MEMORY_MB"
    if limit < stores_mb:
        return failure(f"{told}, of them {stores_mb:,} for its stores", mend)
    return warning(told, mend) if limit < needed else ok(told)


def _most_memory() -> int | None:
    """Memory in MiB: the machine's, or the control group's if that is less."""
    if not _MEMINFO.exists():
        return None
    total = int(_MEMINFO.read_text(encoding="ascii").split()[1]) // 1024
    texts = [path.read_text(encoding="ascii").strip() for path in _CGROUP if path.exists()]
    return min([total, *(int(text) // _MIB for text in texts if text.isdigit())])
