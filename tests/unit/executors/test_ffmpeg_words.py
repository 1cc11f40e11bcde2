"""What is said to ffmpeg, and what is made of what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from vidijob.executors.media.ffmpeg import _Clock, command, explain
from vidijob.executors.media.presets import Presets
from vidijob.executors.process import Ended

PRESETS = Presets.load()


def test_a_command_names_files_so_that_they_are_only_files() -> None:
    arguments = command(Path("/usr/bin/ffmpeg"), Path("/s/-i a|b"), Path("/s/%d.part.mp4"), PRESETS.get("mp4"), 3)
    assert arguments[arguments.index("-i") + 1] == "file:/s/-i a|b"
    assert arguments[-3:] == ["-f", "mp4", "file:/s/%d.part.mp4"]
    assert arguments[arguments.index("-protocol_whitelist") + 1] == "file"
    assert arguments.count("-threads") == 2 and "3" in arguments
    assert arguments[arguments.index("-map") :][:6] == ["-map", "0:V:0?", "-c:v", "libx264", "-preset:v", "medium"]


def test_a_kind_that_a_preset_does_not_make_is_left_out() -> None:
    arguments = command(Path("ffmpeg"), Path("/a"), Path("/b"), PRESETS.get("wav"), 1)
    assert "-vn" in arguments and "-c:v" not in arguments
    assert arguments[arguments.index("-map") + 1] == "0:a:0?"


def test_threads_reach_an_encoder_that_counts_its_own() -> None:
    arguments = command(Path("ffmpeg"), Path("/a"), Path("/b"), PRESETS.get("hevc"), 5)
    assert arguments[arguments.index("-x265-params:v") + 1] == "pools=5:log-level=error"
    assert "0:a?" in command(Path("ffmpeg"), Path("/a"), Path("/b"), PRESETS.get("prores"), 5)


def test_the_clock_never_goes_back() -> None:
    told: list[float] = []
    clock = _Clock(told.append)
    for line in (
        "frame=83",
        "out_time_us=N/A",
        "out_time_us=-9223372036854775807",
        "out_time_us=1500000",
        "out_time_ms=1500000",
        "out_time=00:00:01.500000",
        "out_time_us=1000000",
        "out_time_us=",
        "nonsense",
        "out_time_ms=2000000",
        "progress=end",
    ):
        clock.take(line)
    assert told == [1.5, 2.0]


@pytest.mark.parametrize(
    ("said", "reason", "passing"),
    [
        (
            "[in#0 @ 0x56] [error] moov atom not found\n[in#0 @ 0x55] [error] Error opening input: Invalid data found\n"
            "[error] Error opening input file cut.mp4.\n[fatal] Error opening input files: Invalid data found\n",
            "ffmpeg stopped: moov atom not found",
            False,
        ),
        (
            "[h264 @ 0x1] [error] corrupted macroblock 3 4\n[vost#0:0 @ 0x55] [fatal] Unknown encoder 'nix'\n"
            "[vost#0:0 @ 0x55] [fatal] Error selecting an encoder\n[fatal] Error opening output files: Encoder not found\n",
            "ffmpeg stopped: Unknown encoder 'nix'",
            False,
        ),
        (
            "[libx264 @ 0x56] [error] width not divisible by 2 (33x17)\n"
            "[vost#0:0/libx264 @ 0x5] [enc:libx264 @ 0x5] [error] Error while opening encoder - maybe incorrect parameters\n"
            "[vf#0:0 @ 0x56] [error] Task finished with error code: -542398533 (Generic error in an external library)\n",
            "ffmpeg stopped: width not divisible by 2 (33x17)",
            False,
        ),
        (
            "[aost#0:0/pcm_s16le @ 0x5] [error] Error submitting a packet to the muxer: No space left on device\n"
            "[out#0/wav @ 0x5] [error] Error muxing a packet\n",
            "ffmpeg stopped: no space left on device",
            True,
        ),
        ("[error] Error opening input file x.\n", "ffmpeg stopped: Error opening input file x", False),
        ("a library speaks\nfor itself\n", "ffmpeg stopped: for itself", False),
        ("", "ffmpeg stopped: exit status 1, without a word", False),
        ("[error] " + "x" * 5000, "ffmpeg stopped: " + "x" * 300, False),
    ],
)
def test_the_line_that_matters_is_found(said: str, reason: str, passing: bool) -> None:
    failure = explain(Ended(1, said))
    assert (failure.reason, failure.passing) == (reason, passing)
    assert all(line in said for line in failure.lines)


def test_one_that_was_killed_may_be_tried_again() -> None:
    failure = explain(Ended(-9, ""))
    assert (failure.reason, failure.passing) == ("ffmpeg was ended by signal 9", True)
