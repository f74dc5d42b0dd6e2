"""``fdt broker``: the local Kafka by itself, for work on one part at a time."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from fdt.brokers.jars import kafka_class_path
from fdt.brokers.local import LocalKafka
from fdt.processes.interrupt import ends_on_signals
from fdt.settings import Settings

_LOOK_SECONDS = 0.5


def broker(
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port for clients; else a free one.")
    ] = None,
    prefetch: Annotated[
        bool, typer.Option("--prefetch", help="Only download what the broker needs.")
    ] = False,
) -> None:
    """Run a local Kafka in the data folder until Ctrl-C, and print its address."""
    settings = Settings()
    if prefetch:
        jars = kafka_class_path(typer.echo)
        typer.echo(f"Apache Kafka is here: {len(jars)} jars.")
        return
    kafka = LocalKafka(
        settings.data_dir / "kafka", port=port, heap_mb=settings.kafka_heap_mb, report=typer.echo
    )
    with ends_on_signals(), kafka:
        typer.echo(f"KAFKA_BOOTSTRAP_SERVERS={kafka.bootstrap_servers}")
        while True:
            kafka.require_running()
            time.sleep(_LOOK_SECONDS)
    typer.echo("Kafka has stopped.")
