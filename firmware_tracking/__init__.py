"""For an analyst's own Python: typed events of a range, their fold, and exports.

Settings come from the environment, as those of ``fdt`` do. docs/how-to/analyse.md shows the use.
"""

from firmware_tracking.event import Event
from firmware_tracking.exports import Export, read_export
from firmware_tracking.folding import Folded, fold
from firmware_tracking.log import EventsDeleted, events
from projections.views import ItemView as Item
from projections.views import TimelineEntry

__all__ = [
    "Event",
    "EventsDeleted",
    "Export",
    "Folded",
    "Item",
    "TimelineEntry",
    "events",
    "fold",
    "read_export",
]
