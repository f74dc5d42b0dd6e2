"""Between Kafka and the fold: Faust's transport, and the worker's place in the consumer group."""
