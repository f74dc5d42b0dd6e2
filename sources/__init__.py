"""Simulated DSP, CSP, Comms Hub head-end and Service Centre, as publishers of events.

They publish what the real systems would, from a seeded plan. The plan also contains the expected
final status of every item, without using any rule of the tracker, so that it can be tested with it.
"""
