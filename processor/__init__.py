"""The stateful processor: folds the event topics into the latest-status table, without loss.

Faust does the consumer group, the assignment and the fetching (:mod:`processor.transport.frames`,
:mod:`processor.app`). The table, its commits and its positions are this project's own
(:mod:`processor.partition.partition`).
"""
