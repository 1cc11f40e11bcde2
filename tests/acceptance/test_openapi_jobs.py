"""The OpenAPI document is true of jobs, notifications and job types: thousands of requests find nothing else."""

from __future__ import annotations

import pytest

from tests.acceptance.conftest import Client, Installation
from tests.acceptance.fuzzing import fuzz

PATHS = "^/API/(job|jobtype|notification|task-definition)(/|$)"


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_every_answer_is_as_described(installation: Installation, client: Client) -> None:
    installation.run("serve", "--role", "api")
    await client.ready()
    runs = fuzz(installation, PATHS)
    for run in runs:
        assert run.passed, run.output
        # It was logged in to the end, and got through to what operations do.
        assert run.answered(401) == 0
        assert run.answered(200) > run.requests / 10
        assert set(run.without_login) == {401}
    # With those of the other half more than 5000.
    assert sum(run.requests for run in runs) > 2900
