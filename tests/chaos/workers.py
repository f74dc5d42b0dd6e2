"""Workers of ours as processes on a broker: started, killed, stopped, listened to."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.topics import table

PARTITIONS = 4
LONGEST_S = 600.0


@dataclass
class Workers:
    """Topics that are there, and a folder for everything the workers keep and say."""

    bootstrap: str
    folder: Path
    environment: dict[str, str] = field(default_factory=dict, kw_only=True)
    workers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict, kw_only=True)

    def start(self, name: str = "w0", **environment: str) -> subprocess.Popen[bytes]:
        """A worker with a folder and a log of its own."""
        with self.log(name).open("ab") as out:
            self.workers[name] = subprocess.Popen(
                [sys.executable, "-m", "fdt", "process"],
                env={
                    **os.environ,
                    "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap,
                    "FDT_DATA_DIR": str(self.folder),
                    "FDT_WORKER_NAME": name,
                    "FDT_IDLE_CONTROL_INTERVAL": "2",
                    **self.environment,
                    **environment,
                },
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
            )
        return self.workers[name]

    def kill(self, name: str = "w0") -> None:
        """SIGKILL."""
        self.workers[name].kill()
        self.workers[name].wait()

    def stop(self, name: str = "w0") -> int:
        """An end in order; the exit code."""
        process = self.workers[name]
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        return process.wait(60)

    def close(self) -> None:
        """End what is left."""
        for process in self.workers.values():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.send_signal(signal.SIGTERM)
        for process in self.workers.values():
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def keep(self, name: str = "w0") -> None:
        """Start a worker again if it has ended, as a supervisor does."""
        if self.workers[name].poll() is not None:
            self.start(name)

    def log(self, name: str = "w0") -> Path:
        """What a worker said."""
        return self.folder / f"{name}.log"

    def store(self, number: int, name: str = "w0") -> Path:
        """A partition's store."""
        return self.folder / name / f"partition-{number}"

    def read(self) -> int:
        """Source records covered so far, by the workers' own words."""
        return table(self.bootstrap).counts.get("read", 0)

    def wait_read(self, least: int, *keep: str) -> None:
        """Until so many are covered; ``keep`` names workers to start again."""
        deadline = time.monotonic() + LONGEST_S
        while (read := self.read()) < least:
            assert time.monotonic() < deadline, f"{read} of {least} read"
            for name in keep:
                self.keep(name)
            time.sleep(0.3)

    def said(self, pattern: str, name: str = "w0") -> bool:
        """Whether a worker's log holds something."""
        return re.search(pattern, self.log(name).read_text(errors="replace")) is not None

    def wait_said(self, pattern: str, name: str = "w0", timeout_s: float = 120) -> None:
        """Until a worker's log holds it."""
        deadline = time.monotonic() + timeout_s
        while not self.said(pattern, name):
            assert time.monotonic() < deadline, self.log(name).read_text()[-3_000:]
            time.sleep(0.1)

    def wait_resumed(self, partitions: int, name: str = "w0") -> None:
        """Until a worker took so many partitions over, over all its starts."""
        deadline = time.monotonic() + 120
        while self.log(name).read_text(errors="replace").count("goes on at") < partitions:
            assert time.monotonic() < deadline, self.log(name).read_text()[-3_000:]
            time.sleep(0.1)
