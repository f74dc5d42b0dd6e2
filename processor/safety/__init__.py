"""What keeps one record from holding up a worker: notes of its work, a probe, a watchdog."""
