"""Real processes on a real Kafka, broken on purpose while events flow; the plan is the oracle.

The bounded forms run in ``make test``, the full ones in ``make chaos`` (``-m chaos``).
"""
