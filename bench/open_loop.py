"""Sends requests at a steady rate, whatever the answers take: none waits for the one before.

A client that asks again only after an answer leaves out the slow moments (coordinated omission).
Here each request has its due time and is measured from it, so a server that stalls is seen in every
request that was due meanwhile.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

CONNECTIONS = 32


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: its kind, and its milliseconds from when it was due to its last byte."""

    kind: str
    status: int
    milliseconds: float


async def ask(
    host: str,
    port: int,
    headers: dict[str, str],
    paths: Sequence[tuple[str, Callable[[int], str]]],
    rate: float,
    seconds: float,
) -> list[Asked]:
    """``rate`` requests a second for ``seconds``, of each kind in turn; a path is made from the
    request's number."""
    connections = [await _Connection.open(host, port, headers) for _ in range(CONNECTIONS)]
    idle: asyncio.Queue[_Connection] = asyncio.Queue()
    for each in connections:
        idle.put_nowait(each)
    begun = time.perf_counter() + 0.1

    async def one(number: int) -> Asked:
        due = begun + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        kind, path = paths[number % len(paths)]
        connection = await idle.get()
        status = await connection.get(path(number))
        idle.put_nowait(connection)
        return Asked(kind, status, (time.perf_counter() - due) * 1000)

    try:
        return await asyncio.gather(*(one(number) for number in range(int(rate * seconds))))
    finally:
        for each in connections:
            await each.close()


class _Connection:
    """HTTP/1.1 with answers of a stated length: a client that costs less than what it measures."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: str
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._head = head

    @classmethod
    async def open(cls, host: str, port: int, headers: dict[str, str]) -> _Connection:
        reader, writer = await asyncio.open_connection(host, port)
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return cls(reader, writer, f"HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n")

    async def close(self) -> None:
        """Close the connection."""
        self._writer.close()
        await self._writer.wait_closed()

    async def get(self, path: str) -> int:
        self._writer.write(f"GET {path} {self._head}".encode())
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        await self._reader.readexactly(length)
        return int(head.split(b" ", 2)[1])
