from enum import StrEnum


class ReadinessBroker(StrEnum):
    ANSWERING = "answering"
    AWAY = "away"

    def __str__(self) -> str:
        return str(self.value)
