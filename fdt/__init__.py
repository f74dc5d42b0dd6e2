"""Assembly of the whole system: settings, command line, broker and supervisor.

The only package that knows every other one; nothing imports it back.
"""
