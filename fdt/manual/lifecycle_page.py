"""Makes docs/lifecycle.md from the code catalogue and the lifecycle; has names that commands share.

Everything comes from :data:`projections.lifecycle.LIFECYCLE` and a loaded catalogue.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from fdt.manual import contradictions
from projections.catalogue import Catalogue, CodeRow, Key
from projections.lifecycle import LIFECYCLE, NO_STATUS, STAGE_NAMES, LifecycleRow
from schemas.topics import Source

SOURCE_NAMES: Final = {
    Source.DSP: "DSP",
    Source.CSP: "CSP",
    Source.COMMS_HUB: "Comms Hub",
    Source.SSMI: "DCC Service Centre",
}

_HEAD: Final = """\
# Lifecycle

Made by `fdt codes --markdown` from `projections/lifecycle.py` and the code catalogue; a test fails
when this page and they differ.

One *Update Firmware* request names up to 50,000 devices. Each pair of request and device has one
**Processing Status**, the last thing recorded for it, and one **Completion Status**: In Progress
(somebody still has to act), Failed (nothing more will come of this request for this device by
itself) or Complete (the device runs the new firmware).

"""

_RULES: Final = """\
How one status follows another:

* A later stage always outranks an earlier one, however late the earlier one's report comes. A stage
  whose report was lost is passed over.
* Within a stage the later report counts, by the time of the event: a failed transfer may still
  succeed, and the other way round. Of two at the same time the success counts.
* *Since* is the time of the first report of the status that stands; repeats do not renew it.
* **Firmware Activated** is final. **Reset by DCC** ends any of them, and what is reported after it
  only stands in the history.
* A report of the Communications Hub that names no request, as most do, belongs to the newest
  request of its device that fits its firmware version or image hash and was accepted before it.
  Until there is one it waits, unmatched.
* An item leaves the tracker 30 days (a setting) after its status last changed, whatever that is:
  one that is still In Progress then is forgotten too. The Service Audit Trail keeps the requests.

What did not become the status stays in the history, with a mark:

| Mark | It says |
|---|---|
| `late` | An earlier stage, reported for a time when a later stage had been reached |
| `superseded` | The same stage, and another report of it counts |
| `after-reset` | Reported after the Reset by DCC, or without a request and so recorded here |
| `clock-skew` | The source's time cannot be right, so the time of receipt counts instead |

"""

_CONFIDENCE: Final = ((0.9, "sure"), (0.7, "likely"), (0.0, "unsure"))


def markdown(catalogue: Catalogue) -> str:
    """The text of docs/lifecycle.md."""
    parts = [_HEAD, *_status_table(), "\n", _diagram(), "\n", _RULES]
    for row in LIFECYCLE:
        parts += _chapter(row, catalogue)
    parts += _without_status(catalogue)
    parts += contradictions.chapter(catalogue)
    parts += _sources(catalogue)
    return "".join(parts)


def _status_table() -> Iterator[str]:
    yield "| Stage | Processing Status | Completion | Who says so | Final | Tag |\n"
    yield "|---|---|---|---|---|---|\n"
    for row in LIFECYCLE:
        stage = "any" if row.stage is None else f"{row.stage} {STAGE_NAMES[row.stage]}"
        final = "yes" if row.final else ""
        yield (
            f"| {stage} | [{row.label}](#{_anchor(row.label)}) | {row.completion} "
            f"| {SOURCE_NAMES[row.source]} | {final} | {row.colour} |\n"
        )


def _diagram() -> str:
    """A Mermaid state diagram: stages one after the other, with their failure and success."""
    lines = ["```mermaid", "stateDiagram-v2", "    direction LR", "    [*] --> stage1"]
    for number, name in STAGE_NAMES.items():
        states = [row for row in LIFECYCLE if row.stage == number]
        lines += [f'    state "{number} {name}" as stage{number} {{']
        lines += [f'        state "{row.label}" as {row.status.name}' for row in states]
        lines += [
            f"        {one.status.name} --> {other.status.name}: a later report"
            for one in states
            for other in states
            if one is not other and not one.final
        ]
        lines += ["    }"]
    lines += [f"    stage{n} --> stage{n + 1}" for n in list(STAGE_NAMES)[:-1]]
    for row in LIFECYCLE:
        if row.stage is None:
            lines.append(f'    state "{row.label} (from any of them)" as {row.status.name}')
            lines += [f"    stage{n} --> {row.status.name}" for n in STAGE_NAMES]
    lines += [f"    {row.status.name} --> [*]" for row in LIFECYCLE if row.final]
    return "\n".join([*lines, "```\n"])


def _chapter(row: LifecycleRow, catalogue: Catalogue) -> Iterator[str]:
    yield f"## {row.label}\n\n{row.meaning}\n\n"
    yield f"*{row.completion}*, said by the {SOURCE_NAMES[row.source]}. "
    yield f"**What to do next:** {row.next_step}\n\n"
    yield from _code_table(_rows_of(catalogue, int(row.status)))


def _without_status(catalogue: Catalogue) -> Iterator[str]:
    yield "## Kept in the history, without a status\n\n"
    yield from _code_table(_rows_of(catalogue, NO_STATUS))


def _sources(catalogue: Catalogue) -> Iterator[str]:
    yield f"## Sources\n\nOf the meanings in catalogue {catalogue.version}:\n\n"
    yield from (f"* {name}: {title}\n" for name, title in catalogue.sources.items())


def _rows_of(catalogue: Catalogue, status: int) -> list[CodeRow]:
    return [row for row in catalogue.rows if row.meaning.status == status]


def _code_table(rows: Iterable[CodeRow]) -> Iterator[str]:
    yield "| Code | Reason | What to do next | Worth repeating | How sure |\n"
    yield "|---|---|---|---|---|\n"
    for row in rows:
        codes = ", ".join(f"`{key}`" for key in short(row.keys))
        again = "yes" if row.meaning.retryable else ""
        found = f"{confidence(row.confidence)} ({', '.join(row.sources)})"
        yield (f"| {codes} | {row.meaning.text} | {row.meaning.next_step} | {again} | {found} |\n")
    yield "\n"


def _anchor(label: str) -> str:
    return label.lower().replace(" ", "-")


def confidence(value: float) -> str:
    """How sure a meaning is, in a word."""
    return next(word for least, word in _CONFIDENCE if value >= least)


def short(keys: Sequence[Key]) -> list[Key]:
    """The keys without those that only add a message code to a code that is listed without one."""
    plain = {(key.code, key.result) for key in keys if key.message is None}
    return [key for key in keys if key.message is None or (key.code, key.result) not in plain]
