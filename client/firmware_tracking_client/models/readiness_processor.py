from enum import StrEnum


class ReadinessProcessor(StrEnum):
    REPORTING = "reporting"
    SILENT = "silent"

    def __str__(self) -> str:
        return str(self.value)
