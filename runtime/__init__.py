"""What every program shares: Kafka clients, credentials, health, logs, metrics, watched threads."""
