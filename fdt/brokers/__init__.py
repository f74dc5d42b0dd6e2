"""The three ways to a Kafka broker: an address, a container, a local process."""
