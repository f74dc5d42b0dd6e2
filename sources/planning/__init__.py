"""The plan of a simulation: campaigns, their records, and the expected status of each item."""
