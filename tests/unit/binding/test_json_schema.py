"""The JSON Schema of a document class holds for what is written, and for what clients send."""

from __future__ import annotations

import json as standard_json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.unit.binding.strategies import CARRIED, documents
from vidijob.api.vidispine import documents as wire
from vidijob.binding import json, json_schema
from vidijob.binding.fields import Document

ROOTS: list[type[Document]] = [
    value
    for value in vars(wire).values()
    if isinstance(value, type) and issubclass(value, Document) and value is not wire.VidispineDocument
]


def refer(cls: type) -> json_schema.Schema:
    """Return a reference to the schema of a nested class."""
    return {"$ref": f"#/$defs/{cls.__name__}"}


def judge(cls: type, make: Callable[[type, json_schema.Refer], json_schema.Schema]) -> Draft202012Validator:
    """Return what judges the JSON of a class."""
    return Draft202012Validator(
        {**refer(cls), "$defs": {one.__name__: make(one, refer) for one in json_schema.reached(cls)}}
    )


WRITTEN = {cls: judge(cls, json_schema.written) for cls in ROOTS}
READ = {cls: judge(cls, json_schema.read) for cls in ROOTS}


@pytest.mark.parametrize("cls", ROOTS)
def test_the_schemas_are_schemas(cls: type[Document]) -> None:
    for made in (WRITTEN[cls], READ[cls]):
        Draft202012Validator.check_schema(made.schema)


@settings(max_examples=60)
@given(st.one_of([documents(root, CARRIED, depth=1) for root in ROOTS]))
def test_what_is_written_fits_and_can_be_sent_back(document: Document) -> None:
    tree = standard_json.loads(json.write(document))
    WRITTEN[type(document)].validate(tree)
    # Errors are only written; all their keys are printed, and null is no fault.
    if not isinstance(document, wire.ExceptionDocument):
        READ[type(document)].validate(tree)


@pytest.mark.parametrize(
    "tree",
    [
        {"jobId": "VX-1", "status": "READY", "type": "WORK"},
        {"jobId": "VX-1", "status": "RUNNING", "type": "WORK", "priority": "LOW"},
        {"jobId": "VX-1", "status": "READY", "type": "WORK", "priority": "LOW", "totalSteps": "3"},
        {"jobId": "VX-1", "status": "READY", "type": "WORK", "priority": "LOW", "colour": "red"},
        {"jobId": "VX-1", "status": "READY", "type": "WORK", "priority": "LOW", "started": "2020-02-19T13:53:21.110Z"},
        {"jobId": "VX-1", "status": "READY", "type": "WORK", "priority": "LOW", "log": {}},
    ],
)
def test_what_is_never_written_does_not_fit(tree: Any) -> None:
    assert not WRITTEN[wire.JobDocument].is_valid(tree)


@pytest.mark.parametrize(
    ("tree", "fits"),
    [
        ({"script": "1;", "step": 5, "critical": True}, True),
        ({"script": "1;", "step": "5", "critical": "true", "colour": "red"}, True),
        ({"bean": "a", "method": "b", "plugin": "0", "dependency": {"step": "-1"}}, True),
        ({"bean": "a"}, False),
        ({"bean": "a", "method": "b", "script": "1;"}, False),
        ({"step": 5}, False),
        ({"script": "1;", "step": "five"}, False),
        ({"script": "1;", "critical": "perhaps"}, False),
    ],
)
def test_what_clients_send(tree: Any, fits: bool) -> None:
    assert READ[wire.TaskDefinitionDocument].is_valid(tree) == fits
    if fits:
        json.read(wire.TaskDefinitionDocument, standard_json.dumps(tree).encode())


def test_every_nested_class_is_reached_once() -> None:
    names = [cls.__name__ for cls in json_schema.reached(wire.UserDocument)]
    assert sorted(names) == [
        "GroupDocument", "GroupListDocument", "KeyValue", "SimpleMetadataDocument", "UserDocument", "UserListDocument",
    ]  # fmt: skip
