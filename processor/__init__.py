"""The stateful processor: event topics in, the latest-status table out, nothing lost or doubled.

Faust owns the group, the assignment and the fetching (:mod:`processor.transport.frames`,
:mod:`processor.app`); the table, its order of durability and its positions are ours
(:mod:`processor.partition.partition`).
"""
