"""What read sides tell each other over Kafka: what was ended, and what was taken of limits."""
