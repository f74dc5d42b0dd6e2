from enum import StrEnum


class Doubt(StrEnum):
    CAPPED = "capped"
    FORGOTTEN = "forgotten"
    NOT_READ_YET = "not-read-yet"

    def __str__(self) -> str:
        return str(self.value)
