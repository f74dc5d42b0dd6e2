"""``python -m fdt.contract``: writes the documents below docs that are made from the code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from fdt.contract.asyncapi import document
from fdt.contract.kit_cases import CASES
from fdt.contract.metrics_page import markdown as metrics_page
from fdt.contract.problems_page import markdown as problems_page
from fdt.contract.topics_page import markdown
from query_api.api.document import application, openapi

PAGE_LIMIT: Final = 500
"""Page limit in the OpenAPI document: the most that the setting allows."""
ROOT: Final = Path(__file__).parents[2]


def made() -> dict[str, str]:
    """Path below the project's folder -> text."""
    topics = document()
    kit = {f"docs/conformance/cases/{case.name}.json": _json(case.as_json()) for case in CASES}
    return {
        "docs/asyncapi.json": _json(topics),
        "docs/topics.md": markdown(topics),
        "docs/openapi.json": _json(openapi(application(), PAGE_LIMIT)),
        "docs/problems.md": problems_page(),
        "docs/metrics.md": metrics_page(),
        **kit,
    }


def _json(found: dict[str, Any]) -> str:
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write them all."""
    for path, text in made().items():
        file = ROOT / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        print(path)


if __name__ == "__main__":
    main()
