"""The classes and the schema say the same."""

from __future__ import annotations

import pytest

from vidijob.api.vidispine import documents
from vidijob.binding import xsd
from vidijob.binding.fields import Document
from vidijob.jobs.model import Priority
from vidijob.jobs.states import JobState, StepState

ROOTS: list[type[Document]] = [
    value
    for value in vars(documents).values()
    if isinstance(value, type) and issubclass(value, Document) and value is not documents.VidispineDocument
]


@pytest.mark.parametrize("cls", ROOTS)
def test_classes_equal_the_schema(cls: type[Document]) -> None:
    assert xsd.differences(cls) == []


def test_every_root_of_the_schema_has_a_class() -> None:
    schema = xsd.load("vidispine.xsd")
    assert {element.local_name for element in schema.elements.values()} == {cls.__name__ for cls in ROOTS}


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("JobStateType", [state.value for state in JobState]),
        ("StepStateType", [state.value for state in StepState]),
        ("JobPriorityType", [priority.value for priority in Priority]),
        ("ProgressUnitType", ["bytes", "percent"]),
    ],
)
def test_enumerations_equal_the_schema(name: str, values: list[str]) -> None:
    assert getattr(xsd.load("vidispine.xsd").types[name], "enumeration", None) == values


def test_the_contract_counts_the_states() -> None:
    assert (len(JobState), len(StepState), len(Priority)) == (10, 12, 6)
