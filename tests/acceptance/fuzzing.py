"""Schemathesis against a server that runs as a process: requests made of the OpenAPI document that it serves."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.acceptance.conftest import PASSWORD, Client, Installation

#: What is believed of every answer. That bad data is refused is not: readers are tolerant on purpose.
CHECKS = (
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "allow_header_conformance",
    "unsupported_method",
    "ignored_auth",
    "xml_is_valid_by_our_schema",
)
#: What is accepted → which requests: made up ones and the limits of every parameter, or only the limits.
_FORMS = {
    "application/json, text/plain;q=0.5, */*;q=0.1": "examples,coverage,fuzzing",
    "application/xml, */*;q=0.1": "examples,coverage",
    "text/plain, */*;q=0.1": "coverage",
}
#: How many are made up for an operation, and for one with a body.
_EXAMPLES, _EXAMPLES_OF_BODIES = 5, 12
#: An answer of these statuses is a fault or a lie, whatever the document says; 501 it may promise.
_EXPECTED = ["2xx", "3xx", "4xx", 501]


@dataclass
class Fuzzed:
    """What came of a run."""

    output: str
    passed: bool
    #: Operation → how often it answered with which status.
    statuses: dict[str, Counter[int]] = field(default_factory=dict)
    #: The statuses of requests that had succeeded and were sent again without their login.
    without_login: Counter[int] = field(default_factory=Counter)

    @property
    def requests(self) -> int:
        """How many requests were sent."""
        return sum(counted.total() for counted in self.statuses.values())

    def answered(self, status: int) -> int:
        """Return how many answers had a status."""
        return sum(counted[status] for counted in self.statuses.values())


def seed() -> int:
    """Return the seed of this run; that of another is given by ``VIDIJOB_TEST_SEED``."""
    return int(os.environ.get("VIDIJOB_TEST_SEED") or random.randrange(2**31))


async def answers_as_described(installation: Installation, client: Client, paths: str, least: int) -> None:
    """Start a server, fuzz the operations whose paths match, and check that at least so many requests found nothing."""
    installation.run("serve", "--role", "api")
    await client.ready()
    runs = fuzz(installation, paths)
    for run in runs:
        assert run.passed, run.output
        # It was logged in to the end, and got through to what operations do.
        assert run.answered(401) == 0
        assert run.answered(200) > run.requests / 10
        assert set(run.without_login) == {401}
    assert sum(run.requests for run in runs) >= least


def fuzz(installation: Installation, paths: str) -> list[Fuzzed]:
    """Send requests to all operations whose paths match, once for each form that answers are wanted in."""
    base = f"http://127.0.0.1:{installation.port}"
    with urllib.request.urlopen(f"{base}/openapi.json") as answer:
        document = json.load(answer)
    (installation.folder / "openapi.json").write_text(json.dumps(_without_strangers(_without_waiting(document))))
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    with_body = [operation["operationId"] for operation in operations if "requestBody" in operation]
    settings = {
        "base-url": base,
        "hooks": str(Path(__file__).with_name("fuzzing_hooks.py")),
        "continue-on-failure": True,
        "warnings": False,
        "suppress-health-check": ["all"],
        "auth": {"basic": {"username": "admin", "password": PASSWORD}},
        "checks": {
            "enabled": False,
            "not_a_server_error": {"enabled": True, "expected-statuses": _EXPECTED},
            **{name: {"enabled": True} for name in CHECKS},
        },
        "generation": {"no-shrink": True, "database": "none", "max-examples": _EXAMPLES},
        "phases": {"stateful": {"enabled": False}},
        # The limits of bodies, one by one, are tens of thousands.
        "operations": [
            {
                "include-operation-id": with_body,
                "generation": {"max-examples": _EXAMPLES_OF_BODIES},
                "phases": {"coverage": {"enabled": False}},
            }
        ],
    }
    return [
        _run(installation.folder, paths, {**settings, "seed": seed(), "headers": {"Accept": accept}}, phases)
        for accept, phases in _FORMS.items()
    ]


def _run(folder: Path, paths: str, settings: dict[str, Any], phases: str) -> Fuzzed:
    (folder / "schemathesis.toml").write_text("\n".join(f"{name} = {_toml(value)}" for name, value in settings.items()))
    report = folder / "report.ndjson"
    run = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("schemathesis")), "--config-file", "schemathesis.toml"),
            *("run", "openapi.json", "--no-color", "--phases", phases, "--include-path-regex", paths),
            *("--report", "ndjson", "--report-ndjson-path", report.name),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
    )
    fuzzed = Fuzzed(run.stdout + run.stderr, run.returncode == 0)
    for line in report.read_text().splitlines():
        recorder = json.loads(line).get("ScenarioFinished", {}).get("recorder", {})
        for case, interaction in recorder.get("interactions", {}).items():
            again = "parent_id" in recorder["cases"][case]
            counted = fuzzed.without_login if again else fuzzed.statuses.setdefault(recorder["label"], Counter())
            counted[(interaction.get("response") or {}).get("status_code", 0)] += 1
    return fuzzed


def _without_waiting(document: Any) -> Any:
    """Leave out what is answered when something happens, or goes on: nothing does here."""
    del document["paths"]["/API/job/events"]
    one = document["paths"]["/API/job/{id}"]["get"]
    one["parameters"] = [parameter for parameter in one["parameters"] if parameter["name"] not in ("wait", "until")]
    return document


def _without_strangers(document: Any) -> Any:
    """Say that no object has keys beyond those described: with them, bodies would be mostly noise."""
    for schema in document["components"]["schemas"].values():
        schema["additionalProperties"] = False
    return document


def _toml(value: Any) -> str:
    """Return a value of TOML; tables are written inline."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {_toml(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value)
