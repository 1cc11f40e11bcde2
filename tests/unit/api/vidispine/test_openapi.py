"""The OpenAPI document is a good one, and what it says of the face is what the handlers read."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest
from openapi_spec_validator import validate

from vidijob.api.vidispine import selftest, taskdefinitions
from vidijob.api.vidispine.operations import OPERATIONS, PLACES
from vidijob.api.vidispine.routes import FACE
from vidijob.binding.fields import Document
from vidijob.web import openapi
from vidijob.web.negotiate import Form
from vidijob.web.operations import Kind
from vidijob.web.routing import Route

ROUTES = [(prefix, route) for prefix, table in FACE.tables.items() for route in table.routes]
HANDLERS = {inspect.unwrap(route.handler): route for _, route in ROUTES}
KINDS = {kind.value: kind for kind in Kind}


def path_of(prefix: str, route: Route[Any]) -> str:
    """Return the path as it stands in the document."""
    return "/".join((prefix, *route.segments))


def name_of(handler: Callable[..., Any]) -> str:
    """Return a handler's name with that of its module."""
    return f"{handler.__module__.rpartition('.')[2]}.{handler.__name__}"


@dataclass(frozen=True)
class Asked:
    """A parameter that is read."""

    name: str
    kind: Kind
    default: object = None


#: A body that is a file.
FILE = object()
Reading = Asked | type[Document] | Form | object


def readings(function: Callable[..., Any], given: dict[str, object]) -> Iterator[Reading]:
    """Yield what a function reads of a call, as its source says, with what it calls in this face.

    ``given`` are the arguments that are known: names of parameters, classes of documents.
    """
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    known = {**vars(inspect.getmodule(function) or ModuleType("")), **given}

    def value(node: ast.expr) -> object:
        match node:
            case ast.Constant(value=constant):
                return constant
            case ast.Name(id=name):
                return known.get(name)
            case ast.Attribute(value=ast.Name(id=name), attr=attribute):
                return getattr(known.get(name), attribute, None)
            case _:
                return None

    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        first = value(node.args[0]) if node.args else None
        match node.func:
            case ast.Attribute(value=ast.Name(id="given") | ast.Attribute(attr="parameters"), attr=method) if (
                method in KINDS
            ):
                assert isinstance(first, str), f"{name_of(function)} reads a parameter whose name is not to be seen"
                yield Asked(first, KINDS[method], value(node.args[1]) if len(node.args) > 1 else None)
            case ast.Attribute(value=ast.Name(id="call"), attr="document"):
                assert isinstance(first, type) and issubclass(first, Document)
                yield first
            case ast.Attribute(value=ast.Name(id="call"), attr="text"):
                yield Form.TEXT
            case ast.Attribute(value=ast.Name(id="call"), attr="pieces"):
                yield FILE
            case _ if inspect.isfunction(called := value(node.func)) and called.__module__.startswith("vidijob.api."):
                names = list(inspect.signature(called).parameters)
                passed = dict(zip(names, map(value, node.args), strict=False))
                yield from readings(called, {name: one for name, one in passed.items() if one is not None})


@pytest.fixture(scope="module")
def document() -> openapi.Object:
    """The document; that it can be made means that no route lacks its description."""
    return openapi.document(FACE)


def test_it_is_valid_openapi(document: openapi.Object) -> None:
    validate(document)


def test_every_route_is_in_it_and_nothing_else(document: openapi.Object) -> None:
    said = {(method.upper(), path) for path, operations in document["paths"].items() for method in operations}
    assert said == {(route.method, path_of(prefix, route)) for prefix, route in ROUTES}


def test_nothing_is_described_that_is_not_there(document: openapi.Object) -> None:
    assert [name_of(handler) for handler in set(OPERATIONS) - set(HANDLERS)] == []
    places = {
        f"{route.segments[at - 1]}/{part}" for _, route in ROUTES for at, part in enumerate(route.segments) if at
        if part.startswith("{")
    }  # fmt: skip
    assert set(PLACES) == places


@pytest.mark.parametrize("handler", OPERATIONS, ids=map(name_of, OPERATIONS))
def test_a_handler_reads_the_parameters_that_are_described(handler: Callable[..., Any]) -> None:
    asked = [one for one in readings(handler, {}) if isinstance(one, Asked)]
    described = {one.name: one for one in OPERATIONS[handler].takes}
    assert {one.name for one in asked} == set(described)
    for one in asked:
        # Some look first whether there is any text.
        kinds = {other.kind for other in asked if other.name == one.name}
        assert described[one.name].kind in kinds and kinds <= {described[one.name].kind, Kind.TEXT}, one.name
        if one.kind is Kind.FLAG and not described[one.name].values:
            assert described[one.name].default is one.default, one.name


@pytest.mark.parametrize("handler", OPERATIONS, ids=map(name_of, OPERATIONS))
def test_a_handler_reads_the_body_that_is_described(handler: Callable[..., Any]) -> None:
    read = {one for one in readings(handler, {}) if not isinstance(one, Asked)}
    described: set[object] = {Form.TEXT if isinstance(one, Form) else one for one in OPERATIONS[handler].body}
    if OPERATIONS[handler].takes_file:
        described.add(FILE)
    assert read == described


def test_an_answer_is_described_where_a_document_is_offered() -> None:
    only_text = {taskdefinitions.validate, selftest.initialise}
    offered = {handler for handler, route in HANDLERS.items() if {Form.XML, Form.JSON} & set(route.produces)}
    described = {handler for handler, operation in OPERATIONS.items() if operation.answers is not None}
    assert set(map(name_of, offered - only_text)) == set(map(name_of, described))
