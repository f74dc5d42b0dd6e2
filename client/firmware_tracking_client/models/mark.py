from enum import StrEnum


class Mark(StrEnum):
    AFTER_RESET = "after-reset"
    CLOCK_SKEW = "clock-skew"
    LATE = "late"
    SUPERSEDED = "superseded"

    def __str__(self) -> str:
        return str(self.value)
