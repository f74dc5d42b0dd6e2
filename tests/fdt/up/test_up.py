"""``fdt up``, the main job: everything runs, ends as planned and in order, or says why not."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from rich.console import Console

from fdt.brokers.finding import Broker, LocalKafka
from fdt.commands.up import tell
from fdt.errors import RunFailed, UserError
from fdt.processes.children import free_port
from fdt.processes.programs import Demand, processors, sources_of
from fdt.report import Report
from fdt.settings import Settings
from fdt.up.display import Display, counts_line
from fdt.up.gauges import Gauges, parse_gauges
from fdt.up.plan_check import Difference
from fdt.up.run_folder import run_folder
from fdt.up.stack import Settled, run, share_development_key, welcome
from query_api.identity.keys import DEVELOPMENT_KEY_FILE
from sources.planning.plan import build_plan
from tests.support.topics import create_anew

SMALL = ("--requests=2", "--devices=60", "--speed=100000")


@contextmanager
def running(data_dir: Path, *options: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """``fdt up`` in the background, with its output; killed at the end if need be."""
    process = subprocess.Popen(
        [sys.executable, "-m", "fdt", "up", *options],
        env={**os.environ, "FDT_DATA_DIR": str(data_dir), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout:
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def read_until(process: subprocess.Popen[str], pattern: str) -> str:
    """The output up to the first line that has the pattern, that line included."""
    assert process.stdout is not None
    said: list[str] = []
    for line in process.stdout:
        said.append(line)
        if re.search(pattern, line):
            return "".join(said)
    raise AssertionError("".join(said))


def test_everything_runs_until_every_item_is_as_the_plan_says(
    tmp_path: Path, broker: Broker
) -> None:
    """Topics to read side with real parts, exit code 0; and a second time on the same topics."""
    create_anew(broker.bootstrap_servers)
    at = {"KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers}
    for seed in ("11", "12"):
        options = (*SMALL, f"--seed={seed}", "--until-settled", f"--port={free_port()}", "--json")
        with running(tmp_path, *options, **at) as process:
            said = read_until(process, "Settled: all \\d+ items are as the plan says")
            rest = read_until(process, "^{")
            assert process.wait(60) == 0, said
        told = json.loads(rest.splitlines()[-1])
        assert (told["settled"], told["differences"]) == (True, [])
        assert f"Settled: all {told['items']} items" in said
    assert "processor  | " in said
    assert f"Kafka at {broker.bootstrap_servers}" in said


def test_a_run_that_is_ended_before_it_settled_has_not_settled(
    tmp_path: Path, broker: Broker
) -> None:
    """SIGTERM, or Ctrl-C: nothing was compared, so it is not 0."""
    create_anew(broker.bootstrap_servers)
    at = {"KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers}
    with running(tmp_path, "--until-settled", f"--port={free_port()}", **at) as process:
        read_until(process, "Kafka at")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 130


def test_a_run_whose_log_nobody_reads_ends(tmp_path: Path, broker: Broker) -> None:
    """As in ``fdt up | head``: with everything that it started."""
    create_anew(broker.bootstrap_servers)
    at = {"KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers}
    with running(tmp_path, "--no-simulate", f"--port={free_port()}", **at) as process:
        read_until(process, "processor ")
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(60) == 141


def test_what_differs_from_the_plan_is_told_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """To programs every difference; the exit code is 1."""
    found = [Difference("r", f"d{n}", "status", "Complete", "Failed") for n in range(30)]
    with pytest.raises(RunFailed, match="30 differences from the plan, of 40 items"):
        tell(Report(as_json=True), Settled(40, 0, found))
    (line,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (line["settled"], line["items"], len(line["differences"])) == (False, 40, 30)
    assert line["differences"][29] == {
        "service_request_id": "r",
        "device_id": "d29",
        "what": "status",
        "expected": "Complete",
        "shown": "Failed",
    }


def test_the_whole_system_ends_in_order_with_its_own_broker(tmp_path: Path) -> None:
    """Printed address and token work; a killed processor comes back; SIGTERM ends with 0."""
    port = free_port()
    with running(
        tmp_path, "--no-simulate", f"--port={port}", KAFKA_BOOTSTRAP_SERVERS=""
    ) as process:
        said = read_until(process, "Ctrl-C ends everything")
        token = re.search(r"A token of a supplier: .* (token .*)", said)
        assert token is not None
        assert ask(port, tmp_path, *token[1].split()).status_code in (404, 503)
        os.kill(processor_of(process.pid), signal.SIGKILL)
        read_until(process, r"processor .*ended with signal SIGKILL; starting it again in 0.5 s")
        read_until(process, r"processor .*partition 3")
        process.send_signal(signal.SIGTERM)
        rest = read_until(process, r"broker .*stopping")
        assert process.wait(60) == 0
    stopped = re.findall(r"^(\w[\w ]*\w) +\| stopped \(exit code 0\)$", rest, re.MULTILINE)
    assert stopped == ["processor", "read side"]


def test_a_port_in_use_is_told_before_anything_starts(tmp_path: Path) -> None:
    """In one sentence with a way out, and nothing is left in the folder."""
    with taken_port() as port, pytest.raises(UserError, match=f"Port {port} .* --port"):
        run(Settings(data_dir=tmp_path, api_port=port), Demand(), Console())
    assert list(tmp_path.iterdir()) == []


def test_production_is_not_for_fdt_up(tmp_path: Path) -> None:
    """Its keys and its broker are a developer's."""
    settings = Settings(profile="production", kafka_bootstrap_servers="a:1", data_dir=tmp_path)
    with pytest.raises(UserError, match="fdt up is for development"):
        run(settings, Demand(), Console())


def test_settled_needs_something_to_settle(tmp_path: Path) -> None:
    """--until-settled with --no-simulate is a wrong call."""
    with running(tmp_path, "--until-settled", "--no-simulate") as process:
        read_until(process, "--until-settled needs the simulated sources")
        assert process.wait(30) == 2


# --- the folder of a run ---


def test_each_run_begins_with_an_empty_folder(tmp_path: Path) -> None:
    """Or the second simulation would be copies of the first."""
    with run_folder(tmp_path, keep=False) as folder:
        (folder / "state").touch()
    with run_folder(tmp_path, keep=False) as folder:
        assert not (folder / "state").exists()


def test_a_run_that_keeps_goes_on_with_what_was_there(tmp_path: Path) -> None:
    """--keep leaves the folder alone."""
    with run_folder(tmp_path, keep=True) as folder:
        (folder / "state").touch()
    with run_folder(tmp_path, keep=True) as folder:
        assert (folder / "state").exists()


def test_only_a_folder_of_ours_is_ever_emptied(tmp_path: Path) -> None:
    """Somebody's files under the same name stay."""
    theirs = tmp_path / "run" / "thesis.txt"
    theirs.parent.mkdir()
    theirs.touch()
    with pytest.raises(UserError, match="was not made by fdt up"), run_folder(tmp_path, keep=False):
        pass
    assert theirs.exists()


def test_two_runs_never_share_a_folder(tmp_path: Path) -> None:
    """The second is refused, and the first keeps its files."""
    with run_folder(tmp_path, keep=False) as folder:
        (folder / "state").touch()
        with (
            pytest.raises(UserError, match="Another fdt up runs"),
            run_folder(tmp_path, keep=False),
        ):
            pass
        assert (folder / "state").exists()


def test_a_token_of_yesterday_is_good_for_the_run_of_today(tmp_path: Path) -> None:
    """Every run signs with the key of the data folder, which only its owner can read."""
    with run_folder(tmp_path, keep=False) as folder:
        share_development_key(tmp_path, folder)
        first = (folder / DEVELOPMENT_KEY_FILE).read_bytes()
    with run_folder(tmp_path, keep=False) as folder:
        share_development_key(tmp_path, folder)
        assert (folder / DEVELOPMENT_KEY_FILE).read_bytes() == first
        assert (folder / DEVELOPMENT_KEY_FILE).stat().st_mode & 0o777 == 0o600


# --- programs and what is told ---


def test_every_worker_has_a_name_of_its_own() -> None:
    """Its membership in the group and its folder hang on it."""
    programs = processors(Settings(), Demand(workers=3))
    assert [p.name for p in programs] == ["processor 0", "processor 1", "processor 2"]
    names = [p.environment["FDT_WORKER_NAME"] for p in programs]
    assert names == ["worker-0", "worker-1", "worker-2"]


def test_options_that_are_not_given_are_left_to_the_sources() -> None:
    """Their defaults are written down once."""
    program = sources_of(Settings(), Demand(devices=10), seed=7)
    assert program.command[2:] == ("fdt", "simulate", "--devices=10", "--seed=7")
    assert not program.lasting


def test_the_first_question_is_one_that_has_an_answer(tmp_path: Path) -> None:
    """The printed line asks for a request of the very supplier whose token it gets."""
    request = build_plan(7, 1, 10).requests[0]
    text = welcome(Settings(data_dir=tmp_path / "run"), request)
    assert f"/v1/service-requests/{request.request_id}" in text
    assert f"--user-id {request.originator} --role supplier" in text
    assert f"FDT_DATA_DIR={tmp_path} " in text


def test_gauges_are_read_and_what_is_unknown_left_out() -> None:
    """NaN is how the read side says that it does not know."""
    exposition = (
        'fdt_items{status="Accepted by DSP"} 12.0\n'
        'fdt_items{status="Firmware Activated"} 3.0\n'
        "fdt_lag_events NaN\n"
    )
    gauges = parse_gauges(exposition)
    assert gauges == Gauges({"Accepted by DSP": 12, "Firmware Activated": 3}, None)
    assert parse_gauges('fdt_items{status="Accepted by DSP"} NaN\n') is None


def test_counts_on_one_line_leave_out_what_nothing_has() -> None:
    """For logs, where a table would be in the way."""
    gauges = Gauges({"Accepted by DSP": 1200, "Reset by DCC": 0}, 5)
    assert counts_line(gauges) == "1,200 in all; Accepted by DSP 1,200; lag 5 records"
    assert counts_line(None) == "the read side is not ready"


def test_lines_carry_the_programs_name(capsys: pytest.CaptureFixture[str]) -> None:
    """And what looks like markup is printed as it is."""
    with Display(Console()) as display:
        display.say("processor", "partition [0] is [bold]ready[/bold]")
    assert capsys.readouterr().out == "processor  | partition [0] is [bold]ready[/bold]\n"


def test_a_broker_that_dies_ends_the_run() -> None:
    """There is nothing to restart that would have its data."""
    with pytest.raises(RunFailed, match="Kafka broker has ended"):
        LocalKafka(Path("/nonexistent")).require_running()


def ask(port: int, data_dir: Path, *words: str) -> httpx.Response:
    """What a supplier with the printed token gets for a request that is not held."""
    token = subprocess.run(
        [sys.executable, "-m", "fdt", *words],
        env={**os.environ, "FDT_DATA_DIR": str(data_dir)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    asked = build_plan(7, 1, 10).requests[0].request_id
    return httpx.get(
        f"http://127.0.0.1:{port}/v1/service-requests/{asked}",
        headers={"Authorization": f"Bearer {token}"},
    )


def processor_of(parent: int) -> int:
    """Process id of the processor that ``fdt up`` started."""
    listed = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(parent)], capture_output=True, text=True
    ).stdout
    lines = [line for line in listed.splitlines() if line.endswith("fdt process")]
    assert len(lines) == 1, listed
    return int(lines[0].split()[0])


@contextmanager
def taken_port() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]
