"""The Java client's default partitioner (murmur2), so that one device has one partition everywhere.

librdkafka's own default differs: producers must set ``partitioner=murmur2_random``.
"""

from __future__ import annotations

from typing import Final

PRODUCER_PARTITIONER: Final = "murmur2_random"
"""Value of librdkafka's ``partitioner`` setting that matches :func:`partition_of`."""

_MASK = 0xFFFFFFFF
_SEED = 0x9747B28C
_M = 0x5BD1E995


def murmur2(data: bytes) -> int:
    """The 32-bit hash that the Java client computes over a key."""
    length = len(data)
    h = _SEED ^ length
    tail = length & ~3
    for i in range(0, tail, 4):
        k = int.from_bytes(data[i : i + 4], "little") * _M & _MASK
        k = (k ^ (k >> 24)) * _M & _MASK
        h = (h * _M & _MASK) ^ k
    if length > tail:
        h = (h ^ int.from_bytes(data[tail:], "little")) * _M & _MASK
    h = (h ^ (h >> 13)) * _M & _MASK
    return h ^ (h >> 15)


def partition_of(key: str, partitions: int) -> int:
    """Partition number of a key (a canonical Device ID) among ``partitions``."""
    return partition_of_bytes(key.encode(), partitions)


def partition_of_bytes(key: bytes, partitions: int) -> int:
    """The same of a key as it is spelt on the wire."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions
