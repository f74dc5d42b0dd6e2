"""Child processes of commands: how they are started, supervised and ended."""
