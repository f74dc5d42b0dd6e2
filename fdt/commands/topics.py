"""``fdt topics``: makes the broker's topics what the contract says, or says where they differ."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import typer
from rich.console import Console
from rich.table import Table

from fdt.settings import Settings
from fdt.topics import Difference, create_missing, differences, specs_of
from schemas.topics import TopicSpec


def topics() -> None:
    """Create the missing topics and compare the others; exit code 1 if one differs."""
    settings = Settings()
    bootstrap = settings.require_brokers()
    specs = specs_of(settings)
    created = create_missing(bootstrap, specs)
    found = differences(bootstrap, specs)
    Console().print(topics_table(specs, created, found))
    if found:
        typer.echo(
            "fdt: Some topics differ and were left as they are: change them with the broker's own "
            "tools, or correct the settings.",
            err=True,
        )
        raise typer.Exit(1)


def topics_table(
    specs: Sequence[TopicSpec], created: set[str], found: Sequence[Difference]
) -> Table:
    """One row a topic, with everything in which it differs."""
    by_topic = defaultdict(list)
    for difference in found:
        by_topic[difference.topic].append(
            f"{difference.setting} is {difference.actual}, should be {difference.expected}"
        )
    table = Table("Topic", "Partitions", "State")
    for spec in specs:
        state = "created" if spec.name in created else "as it should be"
        table.add_row(spec.name, str(spec.partitions), "\n".join(by_topic[spec.name]) or state)
    return table
