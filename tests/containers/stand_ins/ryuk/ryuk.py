"""Removes containers whose tests have gone: those with the labels that a connection named.

A test run connects, sends a filter a line, and stays. When the last connection has been closed for
ten seconds everything that matches is removed, and this ends.
"""

import http
import http.client
import json
import socket
import threading
import urllib.parse

PORT = 8080
WAIT_S = 10.0
FIRST_S = 60.0
ENGINE = "/var/run/docker.sock"


class Engine(http.client.HTTPConnection):
    """The engine's API at its socket."""

    def connect(self) -> None:
        """To the socket, whatever the host is called."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(ENGINE)


def ask(method: str, path: str) -> bytes:
    """What the engine answers; a refusal is printed."""
    engine = Engine("engine")
    engine.request(method, path)
    answer = engine.getresponse()
    body = answer.read()
    if answer.status >= http.HTTPStatus.BAD_REQUEST:
        print(f"{method} {path}: {answer.status} {body.decode(errors='replace')}")
    return body


def remove(filters: set[str]) -> None:
    """Every container that one of the filters names."""
    for one in filters:
        kind, _, value = one.partition("=")
        wanted = urllib.parse.quote(json.dumps({kind: [value]}))
        for found in json.loads(ask("GET", f"/containers/json?all=true&filters={wanted}")):
            print(f"removing {found['Names']}")
            ask("DELETE", f"/containers/{found['Id']}?force=true&v=true")


def listen(client: socket.socket, filters: set[str]) -> None:
    """Until the other end has gone."""
    with client, client.makefile("r") as lines:
        for line in lines:
            filters.add(line.strip())
            client.sendall(b"ACK\n")


def main() -> None:
    """As long as somebody is connected."""
    filters: set[str] = set()
    connected: list[threading.Thread] = []
    with socket.create_server(("", PORT)) as server:
        print("Started!")
        server.settimeout(FIRST_S)
        while True:
            try:
                client, _ = server.accept()
            except TimeoutError:
                if not any(one.is_alive() for one in connected):
                    break
                continue
            server.settimeout(WAIT_S)
            connected.append(threading.Thread(target=listen, args=(client, filters)))
            connected[-1].start()
    remove(filters)


if __name__ == "__main__":
    main()
