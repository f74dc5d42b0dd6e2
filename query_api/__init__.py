"""The read side: its own view of the status topic, and the HTTP interface over that view.

It scales, restarts and upgrades apart from the processor; all it shares with it is the topic.
"""
