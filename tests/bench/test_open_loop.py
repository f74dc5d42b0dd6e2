"""A server that stands still shows in every request that was due meanwhile."""

from __future__ import annotations

import asyncio
import time

from bench.open_loop import ask

RATE = 100.0
STILL_S = 0.4


class Server:
    """Answers at once, but for one time at which it stands still for all."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        while head := await reader.readuntil(b"\r\n\r\n"):
            self.paths.append(head.split(b" ")[1].decode())
            if len(self.paths) == 20:
                time.sleep(STILL_S)  # the loop itself, so that nobody is answered
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await writer.drain()


def test_what_was_due_while_the_server_stood_still_waited() -> None:
    """A client that waits for its answer before it asks again would tell of one slow request."""
    server = Server()

    async def scenario() -> list[float]:
        listening = await asyncio.start_server(_quiet(server), "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        paths = [("a", lambda number: f"/a/{number}"), ("b", lambda number: f"/b/{number}")]
        asked = await ask("127.0.0.1", port, {"Accept": "*/*"}, paths, RATE, 1.0)
        listening.close()
        await asyncio.sleep(0.1)  # the server's ends close too
        assert {each.status for each in asked} == {200}
        assert [each.kind for each in asked] == ["a", "b"] * 50
        return [each.milliseconds for each in asked]

    waits = asyncio.run(scenario())
    assert sorted(server.paths) == sorted(f"/{'ab'[n % 2]}/{n}" for n in range(100))
    slow = [wait for wait in waits if wait > 50]
    assert len(slow) >= RATE * (STILL_S - 0.1)
    assert max(waits) >= STILL_S * 1000 * 0.9


def _quiet(server: Server):  # type: ignore[no-untyped-def]
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await server.answer(reader, writer)
        except asyncio.IncompleteReadError:  # the client is through
            writer.close()

    return answer
