"""Assembles the whole system: settings, command line, broker and supervisor.

Only fdt imports all other packages; none of those that it assembles imports it.
"""
