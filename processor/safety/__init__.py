"""Keeps one record from stopping a worker: notes of its batches, a probe, a watchdog."""
