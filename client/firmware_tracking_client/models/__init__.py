"""Contains all the data models used in inputs/outputs"""

from .as_at import AsAt
from .completion_status import CompletionStatus
from .counts import Counts
from .device_answer import DeviceAnswer
from .doubt import Doubt
from .entry import Entry
from .event_topic import EventTopic
from .evidence import Evidence
from .freshness import Freshness
from .health import Health
from .item import Item
from .item_answer import ItemAnswer
from .mark import Mark
from .problem_details import ProblemDetails
from .processing_status import ProcessingStatus
from .processor_seen import ProcessorSeen
from .readiness import Readiness
from .readiness_broker import ReadinessBroker
from .readiness_processor import ReadinessProcessor
from .reason import Reason
from .reasons import Reasons
from .request_answer import RequestAnswer
from .reset_answer import ResetAnswer
from .reset_order import ResetOrder
from .sources import Sources

__all__ = (
    "AsAt",
    "CompletionStatus",
    "Counts",
    "DeviceAnswer",
    "Doubt",
    "Entry",
    "EventTopic",
    "Evidence",
    "Freshness",
    "Health",
    "Item",
    "ItemAnswer",
    "Mark",
    "ProblemDetails",
    "ProcessingStatus",
    "ProcessorSeen",
    "Readiness",
    "ReadinessBroker",
    "ReadinessProcessor",
    "Reason",
    "Reasons",
    "RequestAnswer",
    "ResetAnswer",
    "ResetOrder",
    "Sources",
)
