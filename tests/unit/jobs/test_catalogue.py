"""The job types that we ship."""

from __future__ import annotations

import hashlib
import re

import pytest

from vidijob.jobs.catalogue import EDITION, JOB_TYPES, PAGES, UNUSED, is_result
from vidijob.jobs.graph import plan
from vidijob.jobs.model import Dependency, JobType

SPEC = (
    "NONE IMPORT PLACEHOLDER_IMPORT RAW_IMPORT AUTO_IMPORT SHAPE_IMPORT SIDECAR_IMPORT ESSENCE_VERSION TRANSCODE "
    "TRANSCODE_RANGE CONFORM TIMELINE THUMBNAIL ANALYZE SHAPE_UPDATE RAW_TRANSCODE EXPORT COPY_FILE MOVE_FILE DELETE_FILE "
    "LIST_ITEMS FILE_ANALYZE IMF_ANALYZE"
)
#: The types and steps of an edition, as the digest of what the program says of them.
DIGESTS = {2: "b9d1a617eae359ea95f4d190dfd345f75ff35ca052ec9af905369d6ae8940332"}
RUNNABLE = [type for type in JOB_TYPES.values() if type.runnable]


def test_has_the_types_of_the_spec_in_its_order() -> None:
    assert " ".join(JOB_TYPES) == SPEC
    assert all(name == type.name for name, type in JOB_TYPES.items())


def test_the_edition_is_raised_with_every_change_of_types_and_steps() -> None:
    digest = hashlib.sha256(repr(list(JOB_TYPES.values())).encode()).hexdigest()
    assert DIGESTS.get(EDITION) == digest, "raise EDITION, and write down its digest here; old ones stay as they are"


def test_every_type_is_described_in_one_line() -> None:
    assert list(PAGES) == list(JOB_TYPES)
    assert all(page.summary.endswith(".") and "\n" not in page.summary for page in PAGES.values())


@pytest.mark.parametrize("type", RUNNABLE, ids=lambda type: type.name)
def test_the_page_of_a_type_says_what_it_takes_and_gives_and_has_an_example(type: JobType) -> None:
    page = PAGES[type.name]
    assert page.takes and page.gives
    assert all(text.endswith(".") for text in (*page.takes.values(), *page.gives.values()))
    assert page.example.startswith("curl ") and (f"type={type.name}" in page.example or "/import/raw" in page.example)
    assert set(re.findall(r'"key": "(\w+)"|jobmetadata=(\w+)', page.example)) - {("", "")}
    assert not [key for key in page.takes if is_result(key)], "a job that is run again would lose it"


def test_the_unused_types_cannot_be_run() -> None:
    assert {"NONE", "IMPORT"} == UNUSED
    assert not any(JOB_TYPES[name].runnable for name in UNUSED)


@pytest.mark.parametrize("type", RUNNABLE, ids=lambda type: type.name)
def test_steps_have_an_order_and_the_last_cleans_up(type: JobType) -> None:
    *steps, clean_up = type.tasks
    numbers = [task.step for task in type.tasks]
    assert numbers == sorted(set(numbers))
    assert steps[0].dependency == Dependency(all_previous=True)
    assert not any(task.cleanup for task in steps)
    assert (clean_up.step, clean_up.cleanup, clean_up.dependency) == (5000, True, Dependency())
    assert all(task.description and task.executor and task.method for task in type.tasks)
    plan(type.tasks)
