"""Makes a record that holds the word LETHAL do what the variable ``LETHAL`` says, in any Python
process that has this folder on its path: end the process, hang it, or raise."""

import os
import time

if "LETHAL" in os.environ:
    os.environ["FDT_RULES"] = "plain"  # a compiled method cannot be replaced

from schemas import codec

_decode = codec.Codec.decode


def _lethal(self: codec.Codec, record: str, data: bytes | None) -> dict:  # type: ignore[type-arg]
    if data is not None and b"LETHAL" in data:
        if os.environ["LETHAL"] == "abort":
            os.abort()
        if os.environ["LETHAL"] == "hang":
            time.sleep(3_600)
        raise ZeroDivisionError("a defect of ours")
    return _decode(self, record, data)


if "LETHAL" in os.environ:
    codec.Codec.decode = _lethal  # type: ignore[method-assign]
