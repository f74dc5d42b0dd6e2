from enum import StrEnum


class CompletionStatus(StrEnum):
    COMPLETE = "Complete"
    FAILED = "Failed"
    IN_PROGRESS = "In Progress"

    def __str__(self) -> str:
        return str(self.value)
