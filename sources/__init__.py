"""Simulated DSP, CSP, Comms Hub head-end and Service Centre: something to track.

They publish what the real ones would, from a seeded plan that also says how every item must end:
the yardstick against which the tracker is proved, built without any of the tracker's own rules.
"""
