"""*Reset by DCC*: its rules, and the publishing of its event to ``firmware.ssmi.v1``."""
