"""The OpenAPI document is true of users, configuration and the server itself: thousands of requests find nothing else."""

from __future__ import annotations

import pytest

from tests.acceptance.conftest import Client, Installation
from tests.acceptance.fuzzing import JSON_FIRST, XML_FIRST, fuzz

PATHS = "^/API(noauth|init)?/(?!(job|jobtype|notification|task-definition)(/|$))|^/APIinit$"


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_every_answer_is_as_described(installation: Installation, client: Client) -> None:
    installation.run("serve", "--role", "api")
    await client.ready()
    found = [
        fuzz(installation, PATHS, JSON_FIRST, examples=10, deep=40),
        fuzz(installation, PATHS, XML_FIRST, examples=0, deep=0),
    ]
    for run in found:
        assert run.passed, run.output
        # It was logged in to the end, and got through to what operations do.
        assert run.answered(401) == 0
        assert run.answered(200) > run.requests / 10
    assert sum(run.requests for run in found) > 2500
