"""What went wrong, in the words of the MPS face."""

from __future__ import annotations

import pytest

from vidijob import errors
from vidijob.api.alibaba.faults import TABLE, Fault, fault


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Fault("Throttling.User"), 400, "Throttling.User"),
        (errors.NotFound("Job", "VX-1"), 404, "InvalidParameter.ResourceNotFound"),
        (errors.Invalid("UserData", "It is too long."), 400, "InvalidParameter"),
        (errors.RoleMissing("ann", "_job_write"), 403, "Forbidden.RAM"),
        (errors.TooLarge("It has more than a mebibyte."), 413, "RequestEntityTooLarge"),
        (errors.Unavailable("The database", "it is away"), 503, "ServiceUnavailable"),
        (errors.NotAuthenticated("nobody"), 400, "InvalidParameter"),
        (ZeroDivisionError("secret"), 500, "InternalError"),
    ],
)
def test_an_error_has_a_code_and_a_status(error: Exception, status: int, code: str) -> None:
    refused = fault(error)
    assert (refused.status, refused.code) == (status, code)
    assert "secret" not in refused.message and "{}" not in refused.message


def test_only_what_is_our_fault_is_a_5xx() -> None:
    assert {code for code, (status, _) in TABLE.items() if status >= 500} == {"InternalError", "ServiceUnavailable"}
    assert all(400 <= status < 600 and sentence.count("{}") <= 1 for status, sentence in TABLE.values())
