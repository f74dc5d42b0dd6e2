"""What every program says of itself to Prometheus: how a metric is defined, and those that all
have."""
