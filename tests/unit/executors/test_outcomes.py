"""Errors become outcomes."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from vidijob.errors import Invalid, SetupError
from vidijob.executors.base import Done, Fail, Outcome, Retry, Wait
from vidijob.executors.outcomes import answer, has_room, of_system_error
from vidijob.executors.storage import Storage


@pytest.mark.parametrize("code", [errno.EIO, errno.ESTALE, errno.EMFILE, errno.ENOMEM])
def test_what_may_pass_is_tried_again(code: int) -> None:
    outcome = of_system_error(OSError(code, os.strerror(code), "/s/a.mov"))
    assert isinstance(outcome, Retry) and outcome.reason.startswith("/s/a.mov: ")


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.ENAMETOOLONG, errno.ENOENT, errno.EXDEV])
def test_what_stays_is_not(code: int) -> None:
    outcome = of_system_error(OSError(code, os.strerror(code)))
    assert isinstance(outcome, Fail) and outcome.reason.startswith("The storage: ")


async def test_errors_of_a_step_become_its_outcome(tmp_path: Path) -> None:
    async def work(error: Exception | None) -> Outcome:
        if error is not None:
            raise error
        return Done({"a": ["b"]})

    async def after(error: Exception | None) -> Outcome:
        return await answer(work(error), Storage([tmp_path]), lambda: tmp_path / "out" / "a.mov")

    assert await after(None) == Done({"a": ["b"]})
    assert await after(Invalid("tag", "There is no such tag.")) == Fail("There is no such tag.")
    assert await after(SetupError("There is no ffmpeg.")) == Fail("There is no ffmpeg.")
    for code in (errno.ENOSPC, errno.EDQUOT):
        outcome = await after(OSError(code, "", "/s"))
        assert isinstance(outcome, Wait) and outcome.type == "OUT_OF_STORAGE"
        assert outcome.data == {"storage": tmp_path.as_uri()}
    with pytest.raises(ZeroDivisionError):
        await after(ZeroDivisionError())


def test_there_is_room_where_there_is_a_folder(tmp_path: Path) -> None:
    assert has_room(tmp_path)
    assert not has_room(tmp_path / "nothing")
