"""Every parameter of every address: whatever is wrong with it, the refusal names it.

The parameters are those of ``/openapi.json``, and of the pages' routes for what stands in no
document; one that is new and takes anything fails here until it is said that it may.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final
from urllib.parse import quote

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from query_api.identity.access import Role
from tests.query_api.test_walk import OWN, named, page_path, world

UNKNOWN: Final = "Foo"
ANYTHING: Final = {"to", "after", "status", "completion", "refresh", "done"}
"""Of pages: what is not known there is left out, or is asked for in words of the page."""
INSIDE: Final = re.compile(r"\b\d+: |loc|body\.|query\.|idempotency_key|shown_from|List\[|list\[")
"""What a caller never wrote: an index, a name of ours."""


@dataclass(frozen=True)
class Parameter:
    """One thing that a caller may send."""

    method: str
    path: str
    where: str
    """path, query, header or body."""
    name: str
    text: str
    """Its schema, as JSON."""

    @property
    def schema(self) -> dict[str, Any]:
        """What it takes."""
        found: dict[str, Any] = json.loads(self.text)
        return found

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.where} {self.name}"


def bad_values(found: Parameter) -> list[Any]:
    """Values that it does not take, of each kind that there is for its schema."""
    schema = found.schema
    enum = schema.get("items", schema).get("enum")
    kinds = {each.get("type") for each in [schema, *schema.get("anyOf", [])]}
    longest = [
        each["maxLength"] for each in [schema, *schema.get("anyOf", [])] if "maxLength" in each
    ]
    values: list[Any] = []
    if enum:
        values += [UNKNOWN, "", enum[0].lower()]
    if "integer" in kinds:
        values += ["many", "", "1.5", str(schema["minimum"] - 1), str(schema["maximum"] + 1)]
    values += ["A" * (most + 1) for most in longest]
    if found.where == "body":
        values += [5, [], None] if "string" in kinds else ["yes", 1, None]
    if found.where == "body" and "string" in kinds:
        values += ["", "\u0000"]
    if found.where == "path":
        values += ["nonsense", "A" * 200, "a,b", "a*", "%00"]
    if found.name == "Idempotency-Key":
        values += ["", "A" * 201, "\x7f"]
    if found.name in ("cursor", "changed_since"):
        values += ["abc", "é", ""]
    if found.name == "as_at":
        values += ["yesterday", "", "2026-11-23", "2026-11-23T06:00:00", "9999-12-31T00:00:00Z"]
    if (found.name, found.where) == ("reason", "query"):
        values += ["", "   ", "A" * 81, "N61\u0000"]
    return values


@cache
def documented() -> list[Parameter]:
    """Every parameter, and every field of a body, of the document."""
    return list(_documented(world().stranger().get("/openapi.json").json()))


def _documented(document: dict[str, Any]) -> Iterator[Parameter]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for each in operation.get("parameters", []):
                text = json.dumps(_whole(each["schema"], document))
                yield Parameter(method.upper(), path, each["in"], each["name"], text)
            body = operation.get("requestBody", {}).get("content", {}).get("application/json")
            for name, schema in (body or {"schema": {"properties": {}}})["schema"][
                "properties"
            ].items():
                yield Parameter(method.upper(), path, "body", name, json.dumps(schema))


def _whole(schema: Any, document: dict[str, Any]) -> Any:
    """A schema with the named lists of words that it refers to."""
    if isinstance(schema, list):
        return [_whole(each, document) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return document["components"]["schemas"][name]
    return {key: _whole(value, document) for key, value in schema.items()}


CASES: Final = [(found, value) for found in documented() for value in bad_values(found)]


def test_every_documented_parameter_can_be_wrong() -> None:
    """Nothing is left out above."""
    assert {found for found, _ in CASES} == set(documented())
    assert len(documented()) >= 18


def asked(found: Parameter, value: Any) -> tuple[int, str]:
    """Status and detail of the answer to a request in which only this is wrong."""
    device, request = named(OWN)
    ids = {"device_id": device, "service_request_id": request}
    body = {
        "reason": "a",
        "incident_reference": "b",
        "seen_event_id": "0" * 8 + "-0000" * 3 + "-" + "0" * 12,
    }
    headers, query = {"Idempotency-Key": "1"}, ""
    if found.where == "path":
        ids[found.name] = value if "%" in value else quote(value)
    elif found.where == "query":
        query = f"?{found.name}={quote(value)}"
    elif found.where == "header":
        headers[found.name] = value
    else:
        body[found.name] = value
    client = world().client(Role.SERVICE_CENTRE)
    options: dict[str, Any] = {"json": body, "headers": headers} if found.method == "POST" else {}
    answer = client.request(found.method, found.path.format(**ids) + query, **options)
    return answer.status_code, answer.json()["detail"]


@pytest.mark.parametrize(("found", "value"), CASES, ids=str)
def test_a_refusal_names_the_parameter(found: Parameter, value: Any) -> None:
    """As the caller wrote it, with the accepted values where they are few."""
    status, detail = asked(found, value)
    assert status in (400, 422), (status, detail)
    assert detail.startswith(f"{found.name}: "), detail
    assert not INSIDE.search(detail), detail
    schema = found.schema
    for word in schema.get("items", schema).get("enum", []):
        assert word in detail


def test_several_wrong_values_are_told_once() -> None:
    """A parameter that may be repeated is named once for what is wrong with it."""
    path = f"/v1/service-requests/{named(OWN)[1]}?status=Foo&status=Bar&completion=x&limit=0"
    detail = world().supplier().get(path).json()["detail"]
    assert [detail.count(f"{name}: ") for name in ("status", "completion", "limit")] == [1, 1, 1]


def flat(dependant: Dependant) -> list[Any]:
    """The parameters of a route, and of what it depends on."""
    inner = [each for part in dependant.dependencies for each in flat(part)]
    return [*dependant.query_params, *inner]


def page_parameters() -> Iterator[tuple[str, str, str]]:
    """(path, name, a value that it does not take) of the pages."""
    for route in world().app().routes:
        for included in getattr(getattr(route, "original_router", None), "routes", []):
            if isinstance(included, APIRoute) and not included.include_in_schema:
                for each in flat(included.dependant):
                    yield included.path, each.alias, "A" * 300


PAGES: Final = sorted(set(page_parameters()))


def test_the_pages_parameters_are_known() -> None:
    """A new one is found here."""
    assert {name for _, name, _ in PAGES} == {
        "after", "at", "completion", "done", "from", "refresh", "status", "to",
    }  # fmt: skip


@pytest.mark.parametrize(("path", "name", "value"), PAGES)
def test_a_page_names_the_parameter_too(path: str, name: str, value: str) -> None:
    """Unless it leaves out what it does not know."""
    browser = world().supplier_browser()
    address = page_path(browser, path, OWN)
    answer = browser.get(f"{address}?{name}={value}", headers={"Accept": "*/*"})
    if answer.status_code in (200, 303, 404, 503):  # 503: nobody can sign in to this world
        assert name in ANYTHING
        return
    detail = answer.json()["detail"]
    assert detail.startswith(f"{name}: "), detail
    assert not INSIDE.search(detail), detail
