from enum import StrEnum


class EventTopic(StrEnum):
    FIRMWARE_COMMS_HUB_V1 = "firmware.comms-hub.v1"
    FIRMWARE_CSP_V1 = "firmware.csp.v1"
    FIRMWARE_DSP_V1 = "firmware.dsp.v1"
    FIRMWARE_SSMI_V1 = "firmware.ssmi.v1"

    def __str__(self) -> str:
        return str(self.value)
