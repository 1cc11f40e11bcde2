"""The job types that we ship, as data: a page for each in ``types/``, in the order of the spec. How a step is carried out is
not known here.

The numbers and words of the steps follow those of real servers (contract 9): 100 setting up, 200 transfer, 300 media check
of the source, 600 transcode, 700 media check of the result, 800 finalizing, 5000 cleaning up.

A page, ``types/{name in lower case}.toml``, has:

* ``summary``: one sentence: what the type is for.
* ``example``: a call that works as it is printed, where ``$API``, ``$LOGIN`` and ``$FILES`` are as in the README's tour.
* ``[takes]``: the keys of job data that its steps read, each with a sentence.
* ``[gives]``: those that its steps write.
* ``[[steps]]``: ``step`` (the number), ``description``, ``bean``, ``method``; ``waits``: for ``previous`` (the step before it:
  the default; the first step waits for ``all``), ``all`` before it, ``parallel`` (the step before it to signal parallel, or
  to end), ``parallel STEP`` (likewise, a step by its number), or ``for the end`` of the job (clean-up); ``critical = false``
  for a step whose failure is only a warning; ``[steps.metadata]`` as in any task definition.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from vidijob.jobs.model import Dependency, JobType, StepNumber, TaskDefinition

#: Every job type of the spec, in its order.
_NAMES = """
NONE IMPORT PLACEHOLDER_IMPORT RAW_IMPORT AUTO_IMPORT SHAPE_IMPORT SIDECAR_IMPORT ESSENCE_VERSION TRANSCODE TRANSCODE_RANGE
CONFORM TIMELINE THUMBNAIL ANALYZE SHAPE_UPDATE RAW_TRANSCODE EXPORT COPY_FILE MOVE_FILE DELETE_FILE LIST_ITEMS FILE_ANALYZE
IMF_ANALYZE
"""
#: Types that are listed, as the spec does, and never run.
UNUSED = frozenset({"NONE", "IMPORT"})
_PAGES = Path(__file__).with_name("types")


@dataclass(frozen=True, slots=True)
class Page:
    """What is said of a job type that we ship."""

    kind: JobType
    #: What it is for, in one sentence.
    summary: str
    #: The keys of job data that its steps read, each with a sentence.
    takes: Mapping[str, str]
    #: Those that its steps write.
    gives: Mapping[str, str]
    #: A call with curl; empty where the type cannot be submitted.
    example: str


def _page(name: str) -> Page:
    facts = tomllib.loads((_PAGES / f"{name.lower()}.toml").read_text("utf-8"))
    steps = facts.pop("steps", [])
    tasks = tuple(_task(dict(step), first=place == 0) for place, step in enumerate(steps))
    page = Page(
        JobType(name, tasks),
        facts.pop("summary"),
        MappingProxyType(facts.pop("takes", {})),
        MappingProxyType(facts.pop("gives", {})),
        facts.pop("example", "").strip(),
    )
    assert not facts, f"the page of {name} has words that mean nothing: {', '.join(facts)}"
    return page


def _task(facts: dict[str, Any], *, first: bool) -> TaskDefinition:
    dependency, parallel = _waits(facts.pop("waits", "all" if first else "previous"))
    return TaskDefinition(
        StepNumber(facts.pop("step")),
        facts.pop("description"),
        facts.pop("bean"),
        facts.pop("method"),
        dependency,
        parallel,
        cleanup=dependency == parallel == Dependency(),
        **facts,
    )


def _waits(words: str) -> tuple[Dependency, Dependency]:
    match words.split():
        case ["all"]:
            return Dependency(all_previous=True), Dependency()
        case ["previous"]:
            return Dependency(previous=True), Dependency()
        case ["parallel"]:
            return Dependency(), Dependency(previous=True)
        case ["parallel", step]:
            return Dependency(), Dependency(step=StepNumber(int(step)))
        case ["for", "the", "end"]:
            return Dependency(), Dependency()
        case _:
            raise AssertionError(f"a step cannot wait for {words!r}")


#: What is said of each job type, by name, in the spec's order.
PAGES: Mapping[str, Page] = MappingProxyType({name: _page(name) for name in _NAMES.split()})

#: The job types by name, in the spec's order; those without tasks cannot be submitted.
JOB_TYPES: Mapping[str, JobType] = MappingProxyType({name: page.kind for name, page in PAGES.items()})

#: Raised with every change of the types or their steps: a server with an older list leaves those of a newer one alone.
EDITION = 2

#: Job data that steps write; a job that is run again finds it out anew.
_RESULTS = frozenset(key for page in PAGES.values() for key in page.gives) | {"abortReason", "errorMessage", "rerunOf"}


def is_result(key: str) -> bool:
    """Tell whether a key of job data is written by steps, not by whoever submits the job."""
    return key in _RESULTS or key.startswith(("errorMessage-", "progress-", "sidecar-", "vidijob_"))
