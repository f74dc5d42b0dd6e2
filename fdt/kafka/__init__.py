"""Reads and writes Kafka's topics and groups for commands."""
