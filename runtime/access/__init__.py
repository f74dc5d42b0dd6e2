"""Settings and credentials for the broker, the schema registry and the read side's own TLS."""
