"""Who asked for what, and with what outcome: written to ``firmware.audit.v1``, and read back."""
