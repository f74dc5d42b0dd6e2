"""What commands print: nothing is cut, at no width; JSON Lines for programs; no control sequences.

The commands are found by walking the application: one that is new needs a run here.
"""

from __future__ import annotations

import ast
import dataclasses
import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from confluent_kafka import Producer
from typer.main import get_command

from fdt.brokers.finding import Broker
from fdt.cli import COMMANDS, build_app
from fdt.reference import line_kinds, markdown
from query_api.audit.entry import Action, Outcome, entry_of
from query_api.audit.spool import Spool
from query_api.identity.access import Caller, Role
from schemas import headers
from schemas.codec import Codec
from schemas.topics import DEAD_LETTERS, DSP_EVENTS
from sources.planning.plan import build_plan
from tests.query_api.world import ALPHA
from tests.support.audit import spool_publisher
from tests.support.events import DEVICE, dsp_event
from tests.support.plans import publish
from tests.support.terminal import Ended, on_terminal, piped
from tests.support.topics import create_anew

ESCAPE: Final = "\x1b"
HOSTILE: Final = "\x1b[2J\x9b31m\tA\nB"
"""What clears a screen, colours it, and would be two cells or two lines."""
DETAIL: Final = f"A detail that nobody cuts, however long it is, {'of many words ' * 20}, {HOSTILE}"
CATALOGUE: Final = Path("projections/catalogue.toml")

FILE: Final = "FILE"
WITHOUT_BROKER: Final = [("settings",), ("codes",), ("codes", FILE, "--compare")]
ON_BROKER: Final = [
    ("topics",),
    ("dead-letters", "list"),
    ("dead-letters", "list", "--all"),
    ("audit",),
]
WITHOUT_COLUMNS: Final = [
    ("dead-letters", "show", "0:0"),
    ("rebuild", "--check"),
    ("codes", FILE, "--rows"),
]
WITH_EFFECT: Final[dict[tuple[str, ...], Callable[[Any], bool]]] = {
    ("dead-letters", "drop", "0:0"): lambda line: (line.letter, line.settled) == ("0:0", "dropped"),
    ("dead-letters", "resend", "0:1"): lambda line: (
        (line.letter, line.settled) == ("0:1", "resent")
    ),
    ("simulate", "--requests=1", "--devices=20", "--speed=1000000"): lambda line: (
        line.published > 0
    ),
}
ELSEWHERE: Final = {
    "up": "test_up.py",
    "doctor": "test_doctor_command.py",
    "contract": "test_contract_command.py",
    "registry": "test_registry_command.py",
    "export": "test_export_command.py",
    "verify": "test_verify_command.py",
    "replay": "test_replay_command.py",
    "as-at": "test_as_at_command.py",
}
"""Commands whose run takes long or needs files of its own, and the tests that make it."""

FDT: Final[Any] = get_command(build_app(lambda _name: True))
ANSI: Final = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Another catalogue, which reads a code otherwise."""
    text = CATALOGUE.read_text(encoding="utf-8")
    text = text.replace('code = "N60"\nstatus = "Successful', 'code = "N60"\nstatus = "Failed')
    file = tmp_path_factory.mktemp("codes") / "other.toml"
    text = re.sub(r'^version = ".*"', 'version = "next"', text, flags=re.MULTILINE)
    file.write_text(text, encoding="utf-8")
    return str(file)


@pytest.fixture(scope="module")
def world(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A broker with events, dead letters and an audit trail; the settings that lead there."""
    address, folder = broker.bootstrap_servers, tmp_path_factory.mktemp("reports")
    create_anew(address)
    publish(build_plan(seed=7, requests=1, devices=20), address, 4)
    _refuse(address)
    _audit(address, folder)
    return {"KAFKA_BOOTSTRAP_SERVERS": address, "FDT_DATA_DIR": str(folder)}


def _refuse(address: str) -> None:
    """Three dead letters: an ordinary one, one whose key is no text, one that is hostile."""
    producer = Producer({"bootstrap.servers": address})
    value = Codec().encode("DspEvent", dsp_event())
    for key in (DEVICE.encode(), b"\xff\xfe", HOSTILE.encode()):
        told = {
            headers.DL_TOPIC: DSP_EVENTS,
            headers.DL_PARTITION: "3",
            headers.DL_OFFSET: "1234567",
            headers.DL_TIMESTAMP: "1790000000123",
            headers.DL_REASON: "ineligible-device",
            headers.DL_DETAIL: DETAIL,
            "trace": HOSTILE,
        }
        listed = [(name, text.encode()) for name, text in told.items()]
        producer.produce(DEAD_LETTERS, value, key, 0, headers=[*listed, ("trace", b"\xff")])
    assert producer.flush(30) == 0


def _audit(address: str, folder: Path) -> None:
    """Two entries, of which one asked for what a terminal would obey."""
    spool = Spool(folder / "spool", 100_000)
    for number, criterion in enumerate((HOSTILE, "00-DB-12-34-56-78-90-A0")):
        caller = Caller(f"alice-{number}", frozenset([ALPHA]), frozenset([Role.SUPPLIER]))
        spool.append(entry_of(caller, Action.SEARCH, criterion, Outcome.EMPTY))
    publisher = spool_publisher(spool, address)
    publisher.start()
    publisher.stop()


# --- whatever commands there are ---


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_reports_as_json_or_says_why_not(command: Any) -> None:
    """And one that does is run here."""
    takes_json = any("--json" in option.opts for option in FDT.commands[command.name].params)
    assert takes_json is (command.not_json is None)
    assert bool(line_kinds(command)) is takes_json
    run = {words[0] for words in (*WITHOUT_BROKER, *ON_BROKER, *WITHOUT_COLUMNS, *WITH_EFFECT)}
    assert (command.name in run | ELSEWHERE.keys()) is takes_json


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_field_of_a_line_says_what_it_is(command: Any) -> None:
    """In snake case; a name that says base64 is of text."""
    for kind in line_kinds(command):
        assert dataclasses.is_dataclass(kind)
        for field in dataclasses.fields(kind):
            assert re.fullmatch(r"[a-z]+(_[a-z0-9]+)*", field.name)
            assert str(field.type).startswith("Annotated[")


def test_only_one_module_makes_tables_and_only_four_draw() -> None:
    """So no other can cut what stands in one."""
    allowed = {
        "rich.table": {"fdt/report.py", "fdt/up/display.py"},
        "rich.live": {"fdt/up/display.py"},
        "rich.progress": {
            "fdt/analysis/parallel.py",
            "fdt/commands/simulate.py",
            "fdt/commands/dead_letters.py",
        },
    }
    found: dict[str, set[str]] = {name: set() for name in allowed}
    for file in Path("fdt").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module in found:
                found[node.module].add(str(file))
    assert found == allowed


# --- for people ---


@pytest.mark.parametrize("words", WITHOUT_BROKER, ids=" ".join)
@pytest.mark.parametrize("width", [40, 80, 120])
def test_nothing_is_cut_at_any_width(words: tuple[str, ...], width: int, catalogue: str) -> None:
    """What stands in a file stands on a narrow terminal too."""
    whole_at(width, named(words, catalogue), {})


@pytest.mark.parametrize("words", ON_BROKER, ids=" ".join)
@pytest.mark.parametrize("width", [40, 80])
def test_nothing_of_the_broker_is_cut_at_any_width(
    words: tuple[str, ...], width: int, world: dict[str, str]
) -> None:
    """Identifiers, reasons, names of topics."""
    whole_at(width, words, world)


def whole_at(width: int, words: tuple[str, ...], environment: dict[str, str]) -> None:
    """Every cell of the file is on the terminal: whole, or a sentence with all its words."""
    written = in_a_file(words, frozenset(environment.items()))
    shown = on_terminal(width, *words, **environment)
    assert (written.code, shown.code) == (0, 0), written.err + shown.err
    text = ANSI.sub("", shown.out)
    assert ESCAPE not in text
    table = [line.split("\t") for line in written.out.splitlines() if "\t" in line]
    assert len(table) > 1
    assert len({len(cells) for cells in table}) == 1
    for cell in (cell for cells in table for cell in cells):
        assert cell in text or (" " in cell and all(word in text for word in cell.split())), cell


@cache
def in_a_file(words: tuple[str, ...], environment: frozenset[tuple[str, str]]) -> Ended:
    """Once for all widths."""
    return piped(*words, **dict(environment))


def test_a_value_that_fits_no_terminal_is_broken_by_the_terminal_alone(
    world: dict[str, str],
) -> None:
    """So it is copied whole: no line break of ours stands in it."""
    assert DEVICE in on_terminal(10, "dead-letters", "list", **world).out


@pytest.mark.parametrize("words", WITHOUT_BROKER, ids=" ".join)
def test_a_terminal_that_can_nothing_gets_text(words: tuple[str, ...], catalogue: str) -> None:
    """``TERM=dumb``, as an editor's shell has it."""
    ended = on_terminal(80, *named(words, catalogue), TERM="dumb")
    assert ended.code == 0, ended.err
    assert ESCAPE not in ended.out


# --- for programs ---


@pytest.mark.parametrize("words", WITHOUT_BROKER, ids=" ".join)
def test_output_into_a_file_is_plain_and_json_is_json(
    words: tuple[str, ...], catalogue: str
) -> None:
    """With the same exit code."""
    assert told_alike(named(words, catalogue), {})


@pytest.mark.parametrize("words", [*ON_BROKER, *WITHOUT_COLUMNS], ids=" ".join)
def test_what_the_broker_holds_is_plain_and_json_is_json(
    words: tuple[str, ...], world: dict[str, str], catalogue: str
) -> None:
    """With the same exit code."""
    lines = told_alike(named(words, catalogue), world)
    assert lines or "--rows" in words


def told_alike(words: tuple[str, ...], environment: dict[str, str]) -> list[Any]:
    """The lines of ``--json``, once they are known to be as they should."""
    forced = {**environment, "FORCE_COLOR": "1"}
    for_people, for_programs = piped(*words, **forced), piped(*words, "--json", **environment)
    assert for_people.code == for_programs.code
    for text in (for_people.out, for_people.err, for_programs.out, for_programs.err):
        assert ESCAPE not in text
        assert "\x9b" not in text
    return lines_of(words, for_programs)


def lines_of(words: tuple[str, ...], ended: Ended) -> list[Any]:
    """Every line as the kind of line it is; a line of no kind fails."""
    (command,) = (command for command in COMMANDS if command.name == words[0])
    kinds = {
        frozenset(field.name for field in dataclasses.fields(kind)): kind
        for kind in line_kinds(command)
    }
    found = [json.loads(line) for line in ended.out.splitlines()]
    return [msgspec.convert(line, kinds[frozenset(line)]) for line in found]


def named(words: tuple[str, ...], catalogue: str) -> tuple[str, ...]:
    """The words, with a catalogue for FILE."""
    return tuple(catalogue if word == FILE else word for word in words)


def test_a_dead_letter_is_told_whole(world: dict[str, str]) -> None:
    """Bytes in base64, and as text where they are text; headers in their order."""
    first, second, third = (
        json.loads(line)
        for line in piped("dead-letters", "show", "--json", **world).out.splitlines()
    )
    assert (first["letter"], first["topic"], first["partition"], first["offset"]) == (
        "0:0",
        DSP_EVENTS,
        3,
        1_234_567,
    )
    assert (first["reason"], first["detail"]) == ("ineligible-device", DETAIL)
    assert first["received_at"] == "2026-09-21T14:13:20.123Z"
    assert (first["key"], first["key_base64"]) == (DEVICE, "MDAtREItMTItMzQtNTYtNzgtOTAtQTA=")
    assert (second["key"], second["key_base64"]) == (None, "//4=")
    assert third["key"] == HOSTILE
    assert [(one["name"], one["value"], one["value_base64"]) for one in first["headers"]] == [
        ("trace", HOSTILE, "G1sySsKbMzFtCUEKQg=="),
        ("trace", None, "/w=="),
    ]
    assert first["record"]["code"] == "I99"
    assert first["record_error"] is None


def test_csv_holds_nothing_that_a_terminal_obeys(world: dict[str, str]) -> None:
    """Each entry is one line, with what was asked for written out."""
    lines = piped("audit", "--csv", **world).out.splitlines()
    assert len(lines) == 3
    assert any(r"\x1b[2J\x9b31m\tA\nB" in line for line in lines)


def test_a_topic_that_differs_is_told_with_exit_code_1(world: dict[str, str]) -> None:
    """In both forms."""
    other = {**world, "FDT_EVENT_RETENTION": "P100D"}
    plain, told = piped("topics", **other), piped("topics", "--json", **other)
    assert plain.code == told.code == 1
    first = json.loads(told.out.splitlines()[0])
    assert (first["topic"], first["state"]) == (DSP_EVENTS, "different")
    assert first["differences"] == [
        {"setting": "retention.ms", "expected": "8640000000", "actual": "34560000000"}
    ]
    assert "left as they are" in told.err


@pytest.mark.parametrize(("words", "told"), WITH_EFFECT.items(), ids=map(" ".join, WITH_EFFECT))
def test_what_was_done_is_told_too(
    words: tuple[str, ...], told: Callable[[Any], bool], world: dict[str, str]
) -> None:
    """A line for each letter, or for the run."""
    ended = piped(*words, "--json", **world, FORCE_COLOR="1")
    assert ended.code == 0, ended.err
    assert ESCAPE not in ended.out + ended.err
    (line,) = lines_of(words, ended)
    assert told(line)


def test_secrets_are_hidden_in_json_too() -> None:
    """With a word that says so."""
    ended = piped("settings", "--json", FDT_SCREEN_SECRET="s" * 40)
    lines = {line["variable"]: line for line in map(json.loads, ended.out.splitlines())}
    secret = lines["FDT_SCREEN_SECRET"]
    assert (secret["value"], secret["hidden"]) == ("********", True)
    assert "s" * 40 not in ended.out
    assert lines["SCHEMA_REGISTRY_URL"]["value"] is None


@pytest.mark.parametrize(
    "words",
    [
        ("codes", "--markdown", "--json"),
        ("settings", "--markdown", "--json"),
        ("audit", "--csv", "--json"),
        ("up", "--json"),
    ],
    ids=" ".join,
)
def test_two_forms_at_once_are_refused(words: tuple[str, ...]) -> None:
    """On standard error, with exit code 2."""
    ended = piped(*words)
    assert (ended.code, ended.out) == (2, "")
    assert "--json" in ended.err


def test_the_page_of_the_commands_is_made_from_them() -> None:
    """Every option, exit code and field stands there as it is."""
    page = Path("docs/commands.md").read_text(encoding="utf-8")
    assert page == markdown(), "python -m fdt.reference > docs/commands.md"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_example_can_be_typed(command: Any) -> None:
    """It is of this command, and has only options that there are."""
    fdt, name, *words = command.example.split()
    assert (fdt, name) == ("fdt", command.name)
    assert FDT.commands[name].make_context(name, words)
