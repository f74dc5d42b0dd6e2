"""The read side: its own view of the status topic, and the HTTP interface over that view.

It is scaled, restarted and upgraded independently of the processor: they share only the topic.
"""
