"""Which pictures a job's data asks for, when, and where in a sheet they are."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from vidijob.errors import Invalid
from vidijob.executors.media.pictures import Grid, wanted
from vidijob.executors.media.probing import MediaInfo, Stream
from vidijob.executors.media.sheets import track

FILM = MediaInfo(
    "mov",
    7200,
    1,
    None,
    (
        Stream(
            "video",
            "h264",
            {"width": 1920, "height": 1080, "frameRate": "30000/1001", "duration": 7200.0, "startTime": 1.5},
        ),
    ),
    "01:00:00;00",
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("12.5", Fraction(25, 2)),
        ("01:02:03.25", Fraction(14893, 4)),
        ("300@24", Fraction(25, 2)),
        ("300@PAL", Fraction(12)),
        ("30@NTSC", Fraction(1001, 1000)),
        ("1001@30000:1001", Fraction(1001 * 1001, 30000)),
        # An hour of drop-frame after its first time code, in the middle of the frame.
        ("02:00:00;00", Fraction(107892 * 1001, 30000) + Fraction(1001, 60000)),
    ],
)
def test_times_of_posters(text: str, seconds: Fraction) -> None:
    asked = wanted({"createPosters": [text]}, "film")
    (picture,) = asked.pictures(Fraction(7200))
    assert picture.name == "film_poster.jpg"
    assert asked.moment(picture, FILM, Fraction(7200)).time == Fraction(3, 2) + seconds


def test_a_film_of_two_hours_has_a_hundred_thumbnails_and_one_of_three_seconds_three() -> None:
    asked = wanted({"createSprite": ["true"], "createThumbnails": ["true"]}, "film")
    assert [asked.spread(Fraction(seconds)).count for seconds in (7200, 3, 1)] == [100, 3, 1]
    grid = asked.spread(Fraction(7200))
    assert (grid.columns, grid.rows, grid.period) == (10, 10, Fraction(72))
    names = [picture.name for picture in asked.pictures(Fraction(3))]
    assert names == [
        f"film_{end}" for end in ("thumb_0001.jpg", "thumb_0002.jpg", "thumb_0003.jpg", "sprite.jpg", "sprite.vtt")
    ]
    assert [picture.name for picture in asked.pictures(None)] == [names[0], *names[-2:]]


def test_a_sheet_has_limits() -> None:
    asked = wanted({"createSprite": ["true"], "thumbnailPeriod": ["0.5"]}, "film")
    with pytest.raises(Invalid, match=r"14400 pictures, and 2500 are allowed; give 2\.88 s or more"):
        asked.spread(Fraction(7200))
    wide = wanted({"createContactSheet": ["true"], "thumbnailHeight": ["2400"]}, "film")
    with pytest.raises(Invalid, match="4 by 4 pictures of 4267 by 2400 dots would be too large"):
        wide.require_small(FILM, Fraction(7200))
    wanted({"createContactSheet": ["true"], "thumbnailHeight": ["2000"]}, "film").require_small(FILM, Fraction(7200))


def test_the_format_follows_the_name_unless_it_is_said() -> None:
    assert wanted({"destinationUri": ["file:///a/b.PNG"]}, "film").format == "png"
    assert wanted({"destinationUri": ["file:///a/b.jpeg"]}, "film").format == "jpg"
    assert wanted({"destinationUri": ["file:///a.png/"]}, "film").format == "jpg"
    assert wanted({"destinationUri": ["file:///a.png"], "thumbnailFormat": ["WebP"]}, "film").format == "webp"


def test_the_cues_of_a_track_follow_each_other_to_the_end() -> None:
    grid = Grid(5, 3, Fraction(1800), Fraction(0))
    text = track(grid, Fraction(7201), (480, 180), Path("/media/a b#.jpg"), Path("/media/tracks/a.vtt"))
    assert text.split("\n")[2:5] == ["00:00:00.000 --> 00:30:00.000", "../a%20b%23.jpg#xywh=0,0,160,90", ""]
    assert text.split("\n")[-3:] == ["02:00:00.000 --> 02:00:01.000", "../a%20b%23.jpg#xywh=160,90,160,90", ""]
