"""``fdt process``: one worker of the stateful processor."""

from __future__ import annotations

import logging

from fdt.errors import UserError
from fdt.settings import Settings


def process() -> None:
    """Fold the event topics into the status topic and the local table, until told to end."""
    from processor.app import ProcessorConfig, run
    from processor.log import LogUnavailable, topic_partitions
    from projections.catalogue import BadCatalogue

    settings = Settings()
    bootstrap = settings.kafka_bootstrap_servers
    if bootstrap is None:
        raise UserError("No broker: set KAFKA_BOOTSTRAP_SERVERS to host:port.")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        config = ProcessorConfig(
            bootstrap=bootstrap,
            group_id=settings.group_id,
            worker=settings.worker_name,
            folder=settings.data_dir / settings.worker_name,
            partitions=topic_partitions(bootstrap),
            device_types=frozenset(settings.device_types),
            clock_skew_past=settings.clock_skew_past,
            session_timeout=settings.session_timeout,
            commit_interval=settings.commit_interval,
            idle_control_interval=settings.idle_control_interval,
            max_batch_records=settings.max_batch_records,
            block_cache_mb=settings.block_cache_mb,
            timeline_cap=settings.timeline_cap,
            catalogue=settings.catalogue_path,
            registry_url=settings.schema_registry_url,
        )
        code = run(config)
    except (LogUnavailable, BadCatalogue) as error:
        raise UserError(str(error)) from error
    raise SystemExit(code)
