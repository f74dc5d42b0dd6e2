from enum import StrEnum


class ProcessingStatus(StrEnum):
    ACCEPTED_BY_DSP = "Accepted by DSP"
    ACTIVATION_FAILED = "Activation Failed"
    APPROVED_FOR_DISTRIBUTION = "Approved for Distribution"
    FAILED_CH_TRANSFER = "Failed CH Transfer"
    FIRMWARE_ACTIVATED = "Firmware Activated"
    NOT_ACCEPTED_BY_CSP = "Not Accepted by CSP"
    NOT_DELIVERED_AT_HAN = "Not Delivered at HAN"
    REJECTED_BY_DSP = "Rejected by DSP"
    RESET_BY_DCC = "Reset by DCC"
    SUCCESSFUL_CH_TRANSFER = "Successful CH Transfer"
    SUCCESSFUL_HAN_TRANSFER = "Successful HAN Transfer"

    def __str__(self) -> str:
        return str(self.value)
