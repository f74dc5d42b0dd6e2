"""*Reset by DCC*: the rules of one, and its event on the way to ``firmware.ssmi.v1``."""
