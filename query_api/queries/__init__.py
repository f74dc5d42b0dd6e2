"""The queries, with the caller's rights applied, and the formats of their answers."""
