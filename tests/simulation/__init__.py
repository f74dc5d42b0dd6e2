"""The real processor in one process, against a broker and disks that fail as a seed says.

What is real: :class:`Worker`, :class:`Partition` with its
ledger, recovery and fold, and the chain of frames. What is simulated, with the promises that Kafka
and RocksDB make and no others: the log with its fences and transactions, the stores with their
write-ahead log, the group's assignments, and the clock.

``python -m tests.simulation --seeds 10000`` runs many seeds, ``--seed 17`` tells one in full.
"""
