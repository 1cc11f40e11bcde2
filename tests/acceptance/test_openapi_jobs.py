"""The OpenAPI document is true of jobs, notifications and job types: thousands of requests find nothing else."""

from __future__ import annotations

import pytest

from tests.acceptance.conftest import Client, Installation
from tests.acceptance.fuzzing import answers_as_described

PATHS = "^/API/(job|jobtype|notification|task-definition)(/|$)"


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_every_answer_is_as_described(installation: Installation, client: Client) -> None:
    # With those of the other half more than 5000.
    await answers_as_described(installation, client, PATHS, least=2900)
