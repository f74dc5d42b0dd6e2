"""The read side's own copy of the status topic: fed by one thread, read by every request."""
