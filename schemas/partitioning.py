"""The Java client's default partitioner (murmur2), so that one device has one partition everywhere.

librdkafka's own default differs: producers must set ``partitioner=murmur2_random``.
"""

from __future__ import annotations

from typing import Final

PRODUCER_PARTITIONER: Final = "murmur2_random"
"""Value of librdkafka's ``partitioner`` setting that matches :func:`partition_of`."""

_MASK: Final = 0xFFFFFFFF
_SEED: Final = 0x9747B28C
_M: Final = 0x5BD1E995
_M_LOW: Final = _M & 0xFFFF


def murmur2(data: bytes) -> int:
    """The 32-bit hash that the Java client computes over a key."""
    length = len(data)
    h = _SEED ^ length
    tail = length & ~3
    for i in range(0, tail, 4):
        k = _times_m(data[i] | data[i + 1] << 8 | data[i + 2] << 16 | data[i + 3] << 24)
        h = _times_m(h) ^ _times_m(k ^ (k >> 24))
    if length > tail:
        h = _times_m(h ^ int.from_bytes(data[tail:], "little"))
    h = _times_m(h ^ (h >> 13))
    return h ^ (h >> 15)


def _times_m(number: int) -> int:
    """The lower 32 bits of the product, in halves: neither leaves a machine word, for compiled
    code makes an object of what does."""
    return (number & 0xFFFF) * _M + ((number >> 16) * _M_LOW << 16) & _MASK


def partition_of(key: str, partitions: int) -> int:
    """Partition number of a key (a canonical Device ID) among ``partitions``."""
    return partition_of_bytes(key.encode(), partitions)


def partition_of_bytes(key: bytes, partitions: int) -> int:
    """The same, from the bytes of the key."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions
