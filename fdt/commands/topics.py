"""``fdt topics``: makes the broker's topics what the contract says, or says where they differ."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

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
    Console().print(topics_table(specs, created, found, settings.retention))
    if found:
        typer.echo(
            "fdt: Some topics differ and were left as they are: change them with the broker's own "
            "tools, or correct the settings.",
            err=True,
        )
        raise typer.Exit(1)


def topics_table(
    specs: Sequence[TopicSpec],
    created: set[str],
    found: Sequence[Difference],
    retention: timedelta,
) -> Table:
    """One row a topic, with how long it keeps what, and everything in which it differs."""
    by_topic = defaultdict(list)
    for difference in found:
        by_topic[difference.topic].append(difference.told)
    table = Table("Topic", "Partitions", "Keeps", "State")
    for spec in specs:
        state = "created" if spec.name in created else "as it should be"
        told = "\n".join(by_topic[spec.name]) or state
        table.add_row(spec.name, str(spec.partitions), _keeps(spec, retention), told)
    return table


def _keeps(spec: TopicSpec, retention: timedelta) -> str:
    """What analysts can still replay, and what the table still knows."""
    kept = spec.config.get("retention.ms")
    if kept is None:
        return f"the latest of each device, {_words(retention)} after its last change"
    return f"every record for {_words(timedelta(milliseconds=int(kept)))}"


def _words(duration: timedelta) -> str:
    days = duration / timedelta(days=1)
    return f"{days:g} days" if days >= 1 else f"{duration.total_seconds():g} s"
