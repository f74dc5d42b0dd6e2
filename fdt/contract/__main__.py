"""``python -m fdt.contract``: writes the documents that are made from the code, below docs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from fdt.contract.asyncapi import document
from fdt.contract.topics_page import markdown

ROOT: Final = Path(__file__).parents[2]


def made() -> dict[str, str]:
    """Path below the project's folder -> text."""
    topics = document()
    return {
        "docs/asyncapi.json": json.dumps(topics, indent=2, ensure_ascii=False) + "\n",
        "docs/topics.md": markdown(topics),
    }


def main() -> None:
    """Write them all."""
    for path, text in made().items():
        file = ROOT / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        print(path)


if __name__ == "__main__":
    main()
