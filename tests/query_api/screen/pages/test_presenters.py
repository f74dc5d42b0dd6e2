"""How far an item has come, stage by stage."""

from __future__ import annotations

from query_api.screen.pages.presenters import stages
from tests.projections.story import REQUEST, after, csp, dsp, hub, reset


def test_a_report_without_a_status_reaches_no_stage() -> None:
    """Before a reset too: a reply that speaks of another version says nothing of this item."""
    told = (dsp(), csp("APPROVED"), reset())
    false = hub("GCS38", service_request_id=REQUEST, running_version="0000DEAD")
    without, with_it = (stages(after(*story).item()) for story in (told, (*told, false)))
    assert [stage.state for stage in with_it] == [stage.state for stage in without]
    assert len({stage.state for stage in without}) > 1
