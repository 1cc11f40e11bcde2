"""The order of RAW_TRANSCODE: what may be in it, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidijob.errors import Invalid
from vidijob.executors.media import ffmpeg, order

GOOD: dict[str, Any] = {
    "container": "mp4",
    "options": {"movflags": "+faststart"},
    "video": {
        "codec": "libx264",
        "options": {"crf": 23, "preset": "fast", "b": "2.5M"},
        "width": 640,
        "frameRate": "25",
    },
    "audio": {"codec": "aac", "options": {"b": "128k", "ac": 2}, "streams": "all"},
}


def changed(**parts: Any) -> str:
    return json.dumps({**GOOD, **parts})


def test_an_order_is_a_preset_without_a_name() -> None:
    preset = order.read(json.dumps(GOOD))
    assert (preset.format, preset.extension, dict(preset.muxing)) == ("mp4", "mp4", {"movflags": "+faststart"})
    assert preset.video is not None and preset.audio is not None
    assert (preset.video.codec, preset.video.filter) == ("libx264", "scale=w=640:h=-2,fps=fps=25")
    assert dict(preset.video.options) == {"crf": "23", "preset": "fast", "b": "2.5M"}
    assert (preset.audio.codec, preset.audio.streams, dict(preset.audio.options)) == (
        "aac",
        "all",
        {"b": "128k", "ac": "2"},
    )
    assert order.read(changed(video=None)).video is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[]", "it must be an object"),
        ("[" * 15_000, "not JSON"),
        (" " * 1_000_000, "longer than 20000"),
        ("{}", "container must be one of mp4, mov"),
        (changed(container="hls"), "container must be one of"),
        (changed(container="tee"), "container must be one of"),
        (changed(container=["mp4"]), "container must be one of"),
        (changed(video=None, audio=None), "neither video nor audio"),
        (changed(arguments=["-i", "/etc/passwd"]), "unknown key arguments"),
        (changed(video={**GOOD["video"], "filter": "movie=/etc/passwd"}), "video has the unknown key filter"),
        (changed(video={"codec": "copy"}), "codec of video must be one of libx264"),
        (changed(video={"codec": "libx264 -i /etc/passwd"}), "codec of video"),
        (changed(video={"codec": "libx264", "options": {"x264-params": "log=1"}}), "unknown key x264-params"),
        (changed(video={"codec": "libx264", "options": {"i": "/etc/passwd"}}), "unknown key i;"),
        (changed(video={"codec": "libx264", "options": {"vf": "movie=x"}}), "unknown key vf"),
        (changed(video={"codec": "libx264", "options": {"passlogfile": "/etc/x"}}), "unknown key passlogfile"),
        (changed(video={"codec": "libx264", "options": {"crf": "23 -i /etc/passwd"}}), "crf in the options"),
        (changed(video={"codec": "libx264", "options": {"crf": "23\n"}}), "crf in the options"),
        (changed(video={"codec": "libx264", "options": {"crf": True}}), "crf in the options"),
        (changed(video={"codec": "libx264", "options": {"crf": {"a": 1}}}), "crf in the options"),
        (changed(video={"codec": "libx264", "options": {"preset": "/etc/x"}}), "preset in the options"),
        (changed(video={"codec": "libx264", "options": {"preset": "{threads}"}}), "preset in the options"),
        (changed(video={"codec": "libx264", "width": "640:flags=x"}), "width must be an even number"),
        (changed(video={"codec": "libx264", "width": 641}), "width must be an even number"),
        (changed(video={"codec": "libx264", "height": 1_000_000}), "height must be an even number"),
        (changed(video={"codec": "libx264", "frameRate": "25,movie=x"}), "frameRate must be"),
        (changed(video={"codec": "libx264", "frameRate": "1/0"}), "frameRate must be"),
        (changed(video={"codec": "libx264", "frameRate": "0"}), "frameRate must be"),
        (changed(options={"movflags": "+faststart+use_metadata_tags"}), "movflags in the options of container"),
        (changed(audio={"codec": "aac", "streams": "0:a"}), "streams of audio"),
        (changed(container="mkv"), "options of container has the unknown key movflags; it may have nothing"),
    ],
)
def test_refuses_everything_else(text: str, words: str) -> None:
    with pytest.raises(Invalid, match=words) as refused:
        order.read(text)
    assert len(str(refused.value)) < 1000


@settings(max_examples=50)
@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda one: st.lists(one) | st.dictionaries(st.text(), one)
))  # fmt: skip
def test_whatever_is_an_option_s_value_stays_one_word(value: Any) -> None:
    for text in (changed(video=value), changed(video={"codec": "libx264", "options": {"crf": value, "tune": value}})):
        try:
            preset = order.read(text)
        except Invalid:
            continue
        arguments = ffmpeg.command(Path("ffmpeg"), Path("/a"), Path("/b"), preset, 1)
        assert arguments.count("-i") == 1 and not any("/etc" in argument for argument in arguments)
