"""docs/problems.md: every kind of problem that the read side answers."""

from __future__ import annotations

from typing import Final

from query_api.web.problem_words import WORDS
from query_api.web.problems import KINDS, TYPE_PREFIX

_HEAD: Final = f"""\
# Problems

Made by `python -m fdt.contract`; a test fails when this page and the code differ.

Every refusal of the read side is an RFC 9457 problem (`application/problem+json`) with `type`,
`title`, `status` and `detail`. Programs go by `type`, which is `{TYPE_PREFIX}` and one of the names
below; it keeps its meaning. `detail` is a sentence for people: what is wrong this time, and how to
put it right. The header `Link` (`rel="help"`) leads to a page of the same server that explains the
kind, as this one does.

"""


def markdown() -> str:
    """The text of docs/problems.md."""
    parts = [_HEAD, "| Name | Status | Title | The same again |\n|---|---|---|---|\n"]
    for kind, (status, title) in KINDS.items():
        parts.append(f"| [`{kind}`](#{kind}) | {status} | {title} | {WORDS[kind].again} |\n")
    for kind, (status, title) in KINDS.items():
        words = WORDS[kind]
        where = " Only on pages for people." if words.on_pages else ""
        parts.append(
            f"\n## {kind}\n\n**{status}, {title}.** {words.meaning}{where}\n\n{words.mend}\n\n"
            f"For example: {words.detail}\n"
        )
    return "".join(parts)
