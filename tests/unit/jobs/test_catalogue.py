"""The job types that we ship."""

from __future__ import annotations

import pytest

from vidijob.jobs.catalogue import DESCRIPTIONS, JOB_TYPES, UNUSED
from vidijob.jobs.model import Dependency, JobType

SPEC = (
    "NONE IMPORT PLACEHOLDER_IMPORT RAW_IMPORT AUTO_IMPORT SHAPE_IMPORT SIDECAR_IMPORT ESSENCE_VERSION TRANSCODE "
    "TRANSCODE_RANGE CONFORM TIMELINE THUMBNAIL ANALYZE SHAPE_UPDATE RAW_TRANSCODE EXPORT COPY_FILE MOVE_FILE DELETE_FILE "
    "LIST_ITEMS FILE_ANALYZE IMF_ANALYZE"
)
RUNNABLE = [type for type in JOB_TYPES.values() if type.runnable]


def test_has_the_types_of_the_spec_in_its_order() -> None:
    assert " ".join(JOB_TYPES) == SPEC
    assert all(name == type.name for name, type in JOB_TYPES.items())


def test_every_type_is_described_in_one_line() -> None:
    assert list(DESCRIPTIONS) == list(JOB_TYPES)
    assert all(text.endswith(".") and "\n" not in text for text in DESCRIPTIONS.values())


def test_the_unused_types_cannot_be_run() -> None:
    assert {"NONE", "IMPORT"} == UNUSED
    assert not any(JOB_TYPES[name].runnable for name in UNUSED)


def test_transcode_and_copy_file_can_be_run() -> None:
    assert {"TRANSCODE", "COPY_FILE"} <= {type.name for type in RUNNABLE}


@pytest.mark.parametrize("type", RUNNABLE, ids=lambda type: type.name)
def test_steps_wait_for_the_one_before_and_clean_up_for_none(type: JobType) -> None:
    *steps, clean_up = type.tasks
    numbers = [task.step for task in type.tasks]
    assert numbers == sorted(set(numbers)) and numbers[0] == 100
    assert steps[0].dependency == Dependency(all_previous=True)
    assert all(task.dependency == Dependency(previous=True) for task in steps[1:])
    assert all(task.critical and not task.cleanup for task in steps)
    assert (clean_up.step, clean_up.cleanup, clean_up.dependency) == (5000, True, Dependency())
    assert all(task.description and task.executor and task.method for task in type.tasks)
