"""The OpenAPI document is a good one, and what it says of the face is what the handlers do."""

from __future__ import annotations

from typing import Any

import pytest
from openapi_spec_validator import validate

from vidijob.api.vidispine.routes import FACE
from vidijob.web import openapi
from vidijob.web.routing import Route

ROUTES = [(prefix, route) for prefix, table in FACE.tables.items() for route in table.routes]


def path_of(prefix: str, route: Route[Any]) -> str:
    """Return the path as it stands in the document."""
    return "/".join((prefix, *route.segments))


@pytest.fixture(scope="module")
def document() -> openapi.Object:
    """The document; that it can be made means that no route lacks its description."""
    return openapi.document(FACE)


def test_it_is_valid_openapi(document: openapi.Object) -> None:
    validate(document)


def test_every_route_is_in_it_and_nothing_else(document: openapi.Object) -> None:
    said = {(method.upper(), path) for path, operations in document["paths"].items() for method in operations}
    assert said == {(route.method, path_of(prefix, route)) for prefix, route in ROUTES}
