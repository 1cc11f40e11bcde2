"""Presets: the shipped ones, an administrator's own, and the slips that are found when they are loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from vidijob.errors import Invalid, SetupError
from vidijob.executors.media.presets import DEFAULT, Encoding, Presets

OWN = """
[own]
description = "Ours"
extension = "mkv"
format = "matroska"
[own.video]
codec = "libx264"
options = { crf = "30" }
[own.audio]
codec = "aac"
streams = "all"
"""


def test_the_shipped_presets_are_right() -> None:
    presets = Presets.load()
    assert presets.tags == ("flac", "h264", "hevc", "lowres", "m4a", "mp3", "mp4", "prores", "wav", "webm")
    assert DEFAULT in presets and "nope" not in presets
    assert [preset.tag for preset in presets] == list(presets.tags)
    assert all(preset.description for preset in presets)


def test_an_unknown_tag_is_answered_with_the_known_ones() -> None:
    with pytest.raises(Invalid, match="no preset nope; give one of: flac, h264,") as caught:
        Presets.load().get("nope")
    assert (caught.value.context, caught.value.value) == ("tag", "nope")


def test_a_folder_adds_presets_and_replaces_shipped_ones(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(OWN)
    (tmp_path / "b.toml").write_text(OWN.replace("own", "mp4"))
    (tmp_path / "notes.txt").write_text("not a preset")
    presets = Presets.load(tmp_path)
    own = presets.get("own")
    assert own.video == Encoding("libx264", {"crf": "30"})
    assert own.audio == Encoding("aac", streams="all")
    assert presets.get("mp4").extension == "mkv"
    assert "lowres" in presets


def test_encoders_can_be_alternatives_with_options_of_their_own(tmp_path: Path) -> None:
    codecs = 'codec = ["h264_nvenc", "libx264"]\nfor.h264_nvenc = { cq = "20", crf = "0" }'
    (tmp_path / "a.toml").write_text(OWN.replace('codec = "libx264"', codecs))
    video = Presets.load(tmp_path).get("own").video
    assert video == Encoding("h264_nvenc", {"crf": "0", "cq": "20"}, others=(Encoding("libx264", {"crf": "30"}),))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('codec = "libx264"', "codec = []", "one encoder, or a list"),
        ('codec = "libx264"', 'codec = ["libx264", "libx264"]', "one encoder, or a list"),
        ('codec = "libx264"', 'codec = ["libx264", 3]', "codec must be a text"),
        (
            'codec = "libx264"',
            'codec = "libx264"\nfor.libx265 = { crf = "1" }',
            "unknown key libx265; known are libx264",
        ),
        ('codec = "libx264"', 'codec = "libx264"\nfor.libx264 = { vf = "movie=x" }', "may not set vf"),
        ("[own]", "[own", "cannot be read"),
        ("[own]", "other = 1\n[own]", "the preset must be a table"),
        ("[own]", '["-i"]', "its name may have"),
        ('description = "Ours"', "", "description must be a text"),
        ('description = "Ours"', "description = 3", "description must be a text"),
        ('extension = "mkv"', 'extension = "../x"', "extension is ../x"),
        ('format = "matroska"', 'format = "-y"', "format is -y"),
        ('format = "matroska"', 'format = "matroska"\ncolour = "red"', "unknown key colour"),
        ('codec = "libx264"', 'codec = "-x"', "codec is -x"),
        ('streams = "all"', 'streams = "some"', "must be 'first' or 'all'"),
        ('{ crf = "30" }', "{ crf = 30 }", "must give crf as a text"),
        ('{ crf = "30" }', '{ i = "/etc/passwd" }', "may not set i"),
        ('{ crf = "30" }', '{ shortest = "1" }', "may not set shortest"),
        ('{ crf = "30" }', '{ "crf -y" = "1" }', "may not set crf -y"),
        ('{ crf = "30" }', '{ crf = "{job}" }', "unknown placeholder in crf"),
        ('{ crf = "30" }', '"30"', "options of video must be a table"),
    ],
)
def test_a_slip_is_found_when_it_is_loaded(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in OWN
    (tmp_path / "a.toml").write_text(OWN.replace(old, new, 1))
    with pytest.raises(SetupError, match=words) as caught:
        Presets.load(tmp_path)
    assert "a.toml" in str(caught.value)


def test_a_preset_must_make_something(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(OWN.partition("[own.video]")[0])
    with pytest.raises(SetupError, match="neither video nor audio"):
        Presets.load(tmp_path)


def test_a_tag_stands_in_one_file_only(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(OWN)
    (tmp_path / "b.toml").write_text(OWN)
    with pytest.raises(SetupError, match=r"own stands in .*a\.toml and in .*b\.toml"):
        Presets.load(tmp_path)


def test_the_folder_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="is not there"):
        Presets.load(tmp_path / "none")
