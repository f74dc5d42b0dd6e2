"""Renders the templates (Jinja, autoescaped) with the GOV.UK macros and the project's filters."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from jinja2 import ChoiceLoader, Environment, PackageLoader, PrefixLoader

from projections.lifecycle import LIFECYCLE, Completion
from query_api.queries import rendering
from query_api.screen.pages import assets, formats, statuses
from runtime.logs import durations

SERVICE_NAME: Final = "Firmware Distribution Tracking"


@cache
def environment() -> Environment:
    """The Jinja environment of this process; each template is compiled once."""
    found = Environment(
        loader=ChoiceLoader(
            [
                PackageLoader("query_api.screen.pages"),
                PrefixLoader({"govuk_frontend_jinja": PackageLoader("govuk_frontend_jinja")}),
            ]
        ),
        autoescape=True,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals |= {
        "asset": assets.address,
        "service_name": SERVICE_NAME,
        "lifecycle": LIFECYCLE,
        "completions": tuple(Completion),
        "stages": statuses.STAGES,
        "completion_colours": statuses.COMPLETION_COLOURS,
    }
    found.filters |= {
        "iso": rendering.time,
        "moment": formats.moment,
        "short_moment": formats.short_moment,
        "day": formats.day,
        "duration": durations.exactly,
        "span": durations.roughly,
        "number": formats.number,
        "devices": formats.devices,
        "advice": formats.advice,
        "source_name": formats.source_name,
        "feed_name": formats.feed_name,
    }
    return found


class Templates:
    """Renders pages."""

    def __init__(self) -> None:
        self._environment = environment()
        for name in self._environment.list_templates(
            filter_func=lambda name: not name.startswith("govuk_frontend_jinja/")
        ):
            self._environment.get_template(name)

    def render(self, name: str, **context: Any) -> str:
        """The text of a page."""
        return self._environment.get_template(name).render(**context)
