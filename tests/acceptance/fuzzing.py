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

from tests.acceptance.conftest import PASSWORD, Installation

#: What is believed of every answer. That bad data is refused is not: readers are tolerant on purpose.
CHECKS = (
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "allow_header_conformance",
    "unsupported_method",
    "xml_is_valid_by_our_schema",
)
JSON_FIRST = "application/json, text/plain;q=0.5, */*;q=0.1"
XML_FIRST = "application/xml, */*;q=0.1"
#: An answer of these statuses is a fault or a lie, whatever the document says; 501 it may promise.
_EXPECTED = ["2xx", "3xx", "4xx", 501]


@dataclass
class Fuzzed:
    """What came of a run."""

    output: str
    passed: bool
    #: Operation → how often it answered with which status.
    statuses: dict[str, Counter[int]] = field(default_factory=dict)

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


def fuzz(installation: Installation, paths: str, accept: str, *, examples: int, deep: int) -> Fuzzed:
    """Send requests to all operations whose paths match: ``examples`` to each, ``deep`` to those with a body, and the
    limits of every parameter.
    """
    base = f"http://127.0.0.1:{installation.port}"
    with urllib.request.urlopen(f"{base}/openapi.json") as answer:
        document = json.load(answer)
    folder = installation.folder
    (folder / "openapi.json").write_text(json.dumps(_without_strangers(document)))
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    with_body = [operation["operationId"] for operation in operations if "requestBody" in operation]
    settings = {
        "base-url": base,
        "seed": seed(),
        "hooks": str(Path(__file__).with_name("fuzzing_hooks.py")),
        "continue-on-failure": True,
        "warnings": False,
        "headers": {"Accept": accept},
        "auth": {"basic": {"username": "admin", "password": PASSWORD}},
        "checks": {
            "enabled": False,
            "not_a_server_error": {"enabled": True, "expected-statuses": _EXPECTED},
            **{name: {"enabled": True} for name in CHECKS},
        },
        "generation": {"no-shrink": True, "database": "none", "max-examples": examples},
        "phases": {"stateful": {"enabled": False}, "fuzzing": {"enabled": examples > 0}},
        # The limits of bodies, one by one, are tens of thousands.
        "operations": [
            {
                "include-operation-id": with_body,
                "generation": {"max-examples": deep},
                "phases": {"coverage": {"enabled": False}},
            }
        ],
    }
    (folder / "schemathesis.toml").write_text(_toml(settings))
    report = folder / "report.ndjson"
    run = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("schemathesis")), "--config-file", "schemathesis.toml"),
            *("run", "openapi.json", "--no-color", "--include-path-regex", paths),
            *("--report", "ndjson", "--report-ndjson-path", report),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
    )
    fuzzed = Fuzzed(run.stdout + run.stderr, run.returncode == 0)
    for line in report.read_text().splitlines():
        recorder = json.loads(line).get("ScenarioFinished", {}).get("recorder", {})
        counted = fuzzed.statuses.setdefault(recorder.get("label", ""), Counter())
        for interaction in recorder.get("interactions", {}).values():
            counted[(interaction.get("response") or {}).get("status_code", 0)] += 1
    report.unlink()
    return fuzzed


def _without_strangers(document: Any) -> Any:
    """Say that no object has keys beyond those described: with them, bodies would be mostly noise."""
    for schema in document["components"]["schemas"].values():
        schema["additionalProperties"] = False
    return document


def _toml(settings: dict[str, Any]) -> str:
    """Write settings; inline tables are enough."""
    return "\n".join(f"{name} = {_value(value)}" for name, value in settings.items())


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {_value(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value)
