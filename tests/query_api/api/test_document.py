"""``/openapi.json`` is valid, has an example of everything, and says what the routes really do."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any, Final

import jsonschema
import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute
from openapi_spec_validator import OpenAPIV31SpecValidator

from query_api.api.document import ROUTERS, application, openapi
from query_api.web.problem_words import WORDS
from query_api.web.problems import KINDS
from tests.house import ROOT
from tests.query_api.world import World, accepted, delivered, device_id, request_id, still

KEPT: Final[dict[str, Any]] = json.loads((ROOT / "docs/openapi.json").read_text("utf-8"))
OPERATIONS: Final = [
    (path, method) for path, methods in KEPT["paths"].items() for method in methods
]
ROUTES: Final = [
    route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)
]
DOCUMENTED: Final = [route for route in ROUTES if route.include_in_schema]


def name(value: Any) -> str:
    """A route or an operation by its name."""
    return value.name if isinstance(value, APIRoute) else str(value)


def test_it_is_a_valid_document() -> None:
    """By the specification's own validator, which finds what is spoilt."""
    assert list(OpenAPIV31SpecValidator(KEPT).iter_errors()) == []
    for path, method in OPERATIONS:
        wrong = deepcopy(KEPT)
        wrong["paths"][path][method]["responses"] = []
        assert list(OpenAPIV31SpecValidator(wrong).iter_errors())


@pytest.mark.parametrize("change", ["gone", "answer"])
@pytest.mark.parametrize("route", DOCUMENTED, ids=name)
def test_a_difference_of_a_route_shows(route: APIRoute, change: str) -> None:
    """Without the route, or with another answer, it is another document."""
    router = APIRouter()
    for one in ROUTES:
        if one is not route:
            router.routes.append(one)
        elif change != "gone":
            router.routes.append(changed(route))
    assert openapi(application((router,)), 500) != KEPT


def changed(route: APIRoute) -> APIRoute:
    """The same route with one answer more."""
    options: dict[str, Any] = {
        "path": route.path,
        "endpoint": route.endpoint,
        "methods": route.methods,
        "responses": {**route.responses, 418: {"description": "New."}},
        "response_class": route.response_class,
        "response_model": route.response_model,
        "status_code": route.status_code,
        "openapi_extra": route.openapi_extra,
    }
    return APIRoute(**options)


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_everything_has_an_example_that_fits_its_schema(path: str, method: str) -> None:
    """Parameters, bodies, answers; of an error one for each kind of problem."""
    operation = KEPT["paths"][path][method]
    for parameter in operation.get("parameters", []):
        assert fits(parameter["example"], parameter["schema"]), parameter["name"]
    for media in operation.get("requestBody", {}).get("content", {}).values():
        assert fits(media["example"], media["schema"])
    for status, answer in operation["responses"].items():
        for kind, media in answer.get("content", {}).items():
            if "spreadsheet" in kind:
                continue  # a workbook is no text
            examples = [one["value"] for one in media.get("examples", {}).values()]
            examples += [media["example"]] if "example" in media else []
            assert examples, (status, kind)
            assert all(fits(example, media["schema"]) for example in examples)


def fits(value: Any, schema: dict[str, Any]) -> bool:
    """Whether a value is one of the schema's, in which nothing may stand that it does not name."""
    whole = closed({**schema, "components": KEPT["components"]})
    return not list(jsonschema.Draft202012Validator(whole).iter_errors(value))


def closed(schema: Any) -> Any:
    """The schema, with every object closed against further fields."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: closed(value) for key, value in schema.items()}
    if schema.get("type") == "object" and "properties" in schema:
        found.setdefault("additionalProperties", False)
    return found


def test_every_kind_of_problem_is_explained() -> None:
    """In the manual, and under the status that it has in the document."""
    assert KINDS.keys() == WORDS.keys()
    page = (ROOT / "docs/problems.md").read_text("utf-8")
    told: dict[str, int] = {}
    for path, method in OPERATIONS:
        for status, answer in KEPT["paths"][path][method]["responses"].items():
            problems = answer.get("content", {}).get("application/problem+json", {})
            told |= dict.fromkeys(problems.get("examples", {}), int(status))
    for kind, (status, _) in KINDS.items():
        assert f"\n## {kind}\n" in page
        if not WORDS[kind].on_pages and status not in (404, 405):
            assert told[kind] == status, kind


def a_world() -> World:
    """One item, and a report that waits."""
    made = World(clock=still)
    made.put({device_id(1): [accepted(request_id(1))], device_id(2): [delivered(offset=1)]})
    return made


ASKED: Final = [
    ("/v1/service-requests/{service_request_id}", 1),
    ("/v1/devices/{device_id}", 1),
    ("/v1/devices/{device_id}", 2),
    ("/v1/devices/{device_id}/service-requests/{service_request_id}", 1),
    ("/healthz", 1),
    ("/readyz", 1),
]


@pytest.mark.parametrize(("path", "number"), ASKED)
def test_an_answer_is_as_the_document_says(path: str, number: int) -> None:
    """No field more and none less; no header of ours that is not named."""
    address = path.format(device_id=device_id(number), service_request_id=request_id(1))
    answer = a_world().service_centre().get(address)
    told = KEPT["paths"][path]["get"]["responses"]["200"]
    schema = told["content"]["application/json"]["schema"]
    assert fits(answer.json(), schema)
    assert not fits({**answer.json(), "colour": "red"}, schema)
    for field in answer.json():
        assert not fits({k: v for k, v in answer.json().items() if k != field}, schema), field
    ours = ("etag", "fdt-", "ratelimit")
    named = {header.lower() for header in told.get("headers", {})}
    assert {header for header in answer.headers if header.startswith(ours)} == named


def test_a_file_has_the_headers_that_the_document_names() -> None:
    """Of its freshness and of the limit, which is that of downloads."""
    client = a_world().supplier()
    for ending in ("csv", "xlsx"):
        answer = client.get(f"/v1/service-requests/{request_id(1)}.{ending}")
        path = f"/v1/service-requests/{{service_request_id}}.{ending}"
        for header in KEPT["paths"][path]["get"]["responses"]["200"]["headers"]:
            assert header in answer.headers
        assert answer.headers["ratelimit"].startswith('"downloads";r=')
