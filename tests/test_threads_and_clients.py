"""Every thread and Kafka client has somebody who notices its end; docs/reliability.md has them."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from fdt.processes.supervisor import Program, Supervisor
from processor.monitoring import Monitoring, Watched
from processor.safety.watchdog import Watchdog
from query_api.audit.spool import Spool
from query_api.audit.trail import SpoolPublisher
from query_api.view.feed import Feed
from runtime.health import Health
from runtime.topics import TopicsWatch
from schemas.codec import Codec
from storage.store import MemoryStore

ROOMS: Final = ("fdt", "processor", "query_api", "sources", "runtime")
THREADS: Final = (
    "watched",
    "Repeating",
    "Thread",
    "Timer",
    "ThreadPoolExecutor",
    "ThreadingHTTPServer",
)
CLIENTS: Final = {
    "kafka.producer": "Producer",
    "kafka.consumer": "Consumer",
    "kafka.admin_client": "AdminClient",
    "RenewedProducer": "RenewedProducer",
    "AIOKafkaConsumer": "AIOKafkaConsumer",
    "AIOKafkaClient": "AIOKafkaClient",
}
"""What makes a client -> how the page calls it."""
RAW: Final = ("Producer", "Consumer", "AdminClient")
"""confluent-kafka's own, which one module calls."""
PAGE: Final = Path("docs/reliability.md")
_ROW: Final = re.compile(r"^\| `([a-z_/]+\.py)` (\w+)", re.MULTILINE)


def made() -> Iterator[tuple[str, str]]:
    """(module, what) of everything in the product that makes a thread or a Kafka client."""
    for room in ROOMS:
        for path in Path(room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    called = ast.unparse(node.func)
                    name = called.rpartition(".")[2]
                    if called in CLIENTS or name in CLIENTS:
                        yield str(path), CLIENTS.get(called) or CLIENTS[name]
                    elif name in (*THREADS, *RAW):
                        yield str(path), name


def test_the_page_names_every_thread_and_client() -> None:
    """And nothing that is not there."""
    told = set(_ROW.findall(PAGE.read_text(encoding="utf-8")))
    assert told == {(path, what) for path, what in made() if path != "runtime/kafka.py"}


def test_one_module_makes_kafka_clients() -> None:
    """An address, TLS and SASL are said in one place."""
    raw = {(path, what) for path, what in made() if path == "runtime/kafka.py"}
    assert raw == {("runtime/kafka.py", what) for what in RAW}
    for room in ROOMS:
        for path in Path(room).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            if str(path) != "runtime/kafka.py":
                assert "bootstrap.servers" not in text, path
                assert not re.search(rf"(?<![\w.])(?:{'|'.join(RAW)})\(", text), path


def nothing(*_: Any) -> None:
    """Not asked here."""


def broken(*_: Any) -> Any:
    """A defect of ours."""
    raise ZeroDivisionError("injected")


def heard(start: Callable[[Callable[[BaseException], None]], None]) -> BaseException:
    """What the owner of a thread hears."""
    told, errors = threading.Event(), list[BaseException]()

    def on_end(error: BaseException) -> None:
        errors.append(error)
        told.set()

    start(on_end)
    assert told.wait(30)
    return errors[0]


def test_the_audit_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its end ends the read side."""
    monkeypatch.setattr(Spool, "closed", broken)
    spool = Spool(tmp_path, 1000)
    spool.close()

    def start(on_end: Callable[[BaseException], None]) -> None:
        SpoolPublisher(spool, "127.0.0.1:1", Codec(), Health(), on_end).start()

    assert isinstance(heard(start), ZeroDivisionError)


def test_the_feed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its end ends the read side."""
    monkeypatch.setattr(Feed, "_patiently", broken)

    def start(on_end: Callable[[BaseException], None]) -> None:
        Feed("127.0.0.1:1", Codec(), tmp_path, lambda _: MemoryStore(), on_end).start()

    assert isinstance(heard(start), ZeroDivisionError)


def test_whoever_watches_the_topics(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its end ends the worker, or the read side."""
    monkeypatch.setattr(TopicsWatch, "look", broken)

    def start(on_end: Callable[[BaseException], None]) -> None:
        TopicsWatch("127.0.0.1:1", [], Health(), on_end, every_s=0.01).start()

    assert isinstance(heard(start), ZeroDivisionError)


def test_the_workers_http_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its end ends the worker."""
    monkeypatch.setattr("http.server.ThreadingHTTPServer.serve_forever", broken)
    seen = Watched(Health(), TopicsWatch("127.0.0.1:1", [], Health(), nothing), dict, bool)
    made_here: list[Monitoring] = []

    def start(on_end: Callable[[BaseException], None]) -> None:
        made_here.append(Monitoring("127.0.0.1", 0, seen, on_end))
        made_here[0].start()

    assert isinstance(heard(start), ZeroDivisionError)
    made_here[0]._server.server_close()


def test_the_watchdog(monkeypatch: pytest.MonkeyPatch) -> None:
    """A watchdog that ends, ends the process."""
    monkeypatch.setattr("processor.safety.watchdog._LOOK_S", 0.01)
    told, why = threading.Event(), list[str]()

    def end(sentence: str) -> None:
        why.append(sentence)
        told.set()

    Watchdog(limit_s=1, progress=broken, waiting=lambda: None, end=end).start()
    assert told.wait(30)
    assert why == ["the watchdog ended: injected"]


def test_the_supervisors_reader() -> None:
    """What a program prints and nobody takes is no reason to keep it waiting for ever."""

    def say(name: str, line: str) -> None:
        if line == "now":
            raise ZeroDivisionError("injected")

    supervisor = Supervisor(say, grace_seconds=1)
    supervisor.start(
        Program("noisy", (sys.executable, "-c", "import time; print('now'); time.sleep(60)"))
    )

    def watch() -> None:
        for _ in range(600):
            supervisor.tick()
            threading.Event().wait(0.05)

    with pytest.raises(ZeroDivisionError):
        watch()
    supervisor.stop_all()


def test_the_simulations_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """A source whose output cannot be read is ended, and the run fails with a sentence."""
    from fdt.commands import simulate

    monkeypatch.setattr(simulate._Child, "_take", broken)
    monkeypatch.setattr(
        simulate,
        "spawn",
        lambda *_, **__: subprocess.Popen(
            [sys.executable, "-uc", "import time; print(1); time.sleep(60)"], stdout=subprocess.PIPE
        ),
    )
    child = simulate._Child("dsp", [], {})
    child.process.wait(30)
    assert child.failure() == ("The simulated DSP failed: its output could not be read: injected")
