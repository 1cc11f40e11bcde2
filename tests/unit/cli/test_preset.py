"""The presets, as the command line shows and tries them; with the real ffmpeg."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from vidijob.cli import commands
from vidijob.executors.media.presets import Presets

OWN = """
[own]
description = "Ours"
extension = "mkv"
format = "matroska"
[own.video]
codec = ["h264_nothing", "ffv1"]
for.ffv1 = { level = "3" }
[own.audio]
codec = "flac"

[broken]
description = "With a slip"
extension = "mkv"
format = "matroska"
[broken.video]
codec = "libx264"
options = { preset = "slowly" }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with presets of an administrator's own."""
    (tmp_path / "own.toml").write_text(OWN)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(commands, ["preset", *arguments], env={"COLUMNS": "200"})


def test_the_list_has_all_presets(folder: Path) -> None:
    shown = run("list", "--preset-dir", str(folder)).output
    assert all(preset.tag in shown and preset.description in shown for preset in Presets.load(folder))
    assert "h264_nothing, ffv1" in shown
    assert set(json.loads(run("list", "--json").output)) == set(Presets.load().tags)


def test_one_is_shown_with_everything_that_ffmpeg_is_told(folder: Path) -> None:
    shown = run("show", "own", "--preset-dir", str(folder)).output
    assert "video 1 codec" in shown and "video 2 options level" in shown and "audio codec" in shown
    facts = json.loads(run("show", "own", "--json", "--preset-dir", str(folder)).output)
    assert [one["codec"] for one in facts["video"]] == ["h264_nothing", "ffv1"]
    assert facts["video"][1]["options"] == {"level": "3"}
    assert run("show", "nope").exit_code == 1


def test_a_check_tries_every_encoder_and_says_what_is_wrong(folder: Path) -> None:
    good = run("check", "own", "wav", "--preset-dir", str(folder))
    assert good.exit_code == 0, good.output
    assert "own: works with ffv1 and flac\n" in good.output and "wav: works with pcm_s16le\n" in good.output
    assert "  h264_nothing and flac: ffmpeg stopped: Unknown encoder 'h264_nothing'\n" in good.output
    bad = run("check", "broken", "--preset-dir", str(folder))
    assert bad.exit_code == 1
    assert "broken: cannot be used\n" in bad.output and "slowly" in bad.output


def test_a_folder_that_cannot_be_read_is_said_to_be_so(folder: Path) -> None:
    (folder / "own.toml").write_text("[own")
    ended = run("check", "--preset-dir", str(folder))
    assert ended.exit_code == 1 and "cannot be read" in ended.output
