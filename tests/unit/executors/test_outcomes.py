"""Errors become outcomes."""

from __future__ import annotations

import errno
import os

import pytest

from vidijob.errors import Invalid, SetupError
from vidijob.executors.base import Done, Fail, Retry
from vidijob.executors.outcomes import answer, of_system_error


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE, errno.EMFILE, errno.ENOMEM])
def test_what_may_pass_is_tried_again(code: int) -> None:
    outcome = of_system_error(OSError(code, os.strerror(code), "/s/a.mov"))
    assert isinstance(outcome, Retry) and outcome.reason.startswith("/s/a.mov: ")


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.ENAMETOOLONG, errno.ENOENT, errno.EXDEV])
def test_what_stays_is_not(code: int) -> None:
    outcome = of_system_error(OSError(code, os.strerror(code)))
    assert isinstance(outcome, Fail) and outcome.reason.startswith("The storage: ")


async def test_errors_of_a_step_become_its_outcome() -> None:
    async def work(error: Exception | None) -> Done:
        if error is not None:
            raise error
        return Done({"a": ["b"]})

    assert await answer(work(None)) == Done({"a": ["b"]})
    assert await answer(work(Invalid("tag", "There is no such tag."))) == Fail("There is no such tag.")
    assert await answer(work(SetupError("There is no ffmpeg."))) == Fail("There is no ffmpeg.")
    assert await answer(work(OSError(errno.ENOSPC, "", "/s"))) == Retry(
        "/s: no space is left on the device; make room."
    )
    with pytest.raises(ZeroDivisionError):
        await answer(work(ZeroDivisionError()))
