"""Notices between read sides over Kafka: ends of sessions, and use of rate limits."""
