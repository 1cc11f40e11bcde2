"""Works out from a job's data which pictures a THUMBNAIL job makes, and what they are called. No process is started here."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from vidijob.errors import Invalid
from vidijob.executors import jobdata
from vidijob.executors.media import cut
from vidijob.executors.media.probing import MediaInfo
from vidijob.executors.storage import shown
from vidijob.jobs.model import JobData

Kind = Literal["poster", "thumbnail", "contact sheet", "sprite", "sprite track"]

FORMATS = ("jpg", "png", "webp")
_ENDINGS = {**dict(zip(FORMATS, FORMATS, strict=True)), "jpeg": "jpg"}
#: How many pictures one job makes of a kind; how many a sheet has.
_POSTERS = 100
_THUMBNAILS = 1000
_CELLS = 2500
_ACROSS = 50
#: Pixels: the longest side of a picture, and of a sheet, which WebP and JPEG still hold.
LONGEST_SIDE = 8192
_LONGEST_SHEET = 16000
#: In pixels, where nothing is said.
_WIDTH = 320
_SPRITE_WIDTH = 160
#: How many pictures a sprite has, where nothing is said, and the shortest time between them, in seconds.
_SPRITE_PICTURES = 100
_SHORTEST_PERIOD = Fraction(1, 100)
#: Where a picture is looked for that shows something of the whole, as a share of the source.
_TELLING = Fraction(1, 10)
_SECONDS = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,9})?")
_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2}\.[0-9]{1,9})")
_COUNT = re.compile(r"([0-9]{1,12})@(?:([0-9]{1,9})(?::([0-9]{1,9}))?|(PAL|NTSC|NTSC30))")
_NAMED_BASES = {"PAL": Fraction(25), "NTSC": Fraction(30000, 1001), "NTSC30": Fraction(30)}


@dataclass(frozen=True, slots=True)
class Box:
    """The size of a picture; a side that is not given follows from the shape of the source."""

    width: int | None
    height: int | None


@dataclass(frozen=True, slots=True)
class Picture:
    """A file to be made."""

    kind: Kind
    #: In a folder.
    name: str
    #: Which of its kind it is, counted from 0.
    place: int = 0


@dataclass(frozen=True, slots=True)
class Moment:
    """A frame of the source: the one that is shown at a time on the clock of its file, in seconds."""

    time: Fraction
    #: Whether one near it, that shows more than others, is better.
    about: bool = False


@dataclass(frozen=True, slots=True)
class Grid:
    """Pictures of a sheet, row by row: the first at ``offset``, each ``period`` seconds after the one before it."""

    count: int
    columns: int
    period: Fraction
    offset: Fraction

    @property
    def rows(self) -> int:
        """Return how many rows there are; the last one may be short."""
        return math.ceil(self.count / self.columns)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a job's data asks for."""

    #: As they are written; empty for one that shows something of the whole.
    posters: tuple[str, ...]
    thumbnails: bool
    contact_sheet: bool
    sprite: bool
    poster_box: Box
    box: Box
    sprite_box: Box
    columns: int
    rows: int
    #: In seconds; ``None`` where it follows from the duration.
    period: Fraction | None
    format: str
    stem: str

    def pictures(self, seconds: Fraction | None) -> list[Picture]:
        """Return the files to be made of a source that lasts so long; while nobody knows, one thumbnail stands for all."""
        return list(self._pictures(seconds))

    def _pictures(self, seconds: Fraction | None) -> Iterator[Picture]:
        for place in range(len(self.posters)):
            number = f"_{place + 1:03}" if len(self.posters) > 1 else ""
            yield Picture("poster", f"{self.stem}_poster{number}.{self.format}", place)
        if self.thumbnails:
            for place in range(self.spread(seconds, _THUMBNAILS).count if seconds is not None else 1):
                yield Picture("thumbnail", f"{self.stem}_thumb_{place + 1:04}.{self.format}", place)
        if self.contact_sheet:
            yield Picture("contact sheet", f"{self.stem}_contact.{self.format}")
        if self.sprite:
            yield Picture("sprite", f"{self.stem}_sprite.{self.format}")
            yield Picture("sprite track", f"{self.stem}_sprite.vtt")

    def spread(self, seconds: Fraction, most: int = _CELLS) -> Grid:
        """Return when thumbnails are taken, and how the sprite is laid out."""
        period = self.period
        if period is None:
            period = max(Fraction(1), (seconds / _SPRITE_PICTURES).limit_denominator(1000))
        count = max(1, math.ceil(seconds / period))
        if count > most:
            least = math.ceil(seconds / most * 100) / 100
            raise Invalid(
                "thumbnailPeriod", f"There would be {count} pictures, and {most} are allowed; give {least:g} s or more."
            )
        return Grid(count, math.ceil(math.sqrt(count)), period, Fraction(0))

    def overview(self, seconds: Fraction) -> Grid:
        """Return what the contact sheet shows: the middles of equal parts."""
        count = self.columns * self.rows
        period = max(seconds, Fraction(1, 1000)) / count
        return Grid(count, self.columns, period, period / 2)

    def moment(self, picture: Picture, info: MediaInfo, seconds: Fraction) -> Moment:
        """Return which frame a poster or thumbnail shows; raise ``Invalid`` where the source has none there."""
        begin = Fraction(info.of_kind("video")[0].facts.get("startTime") or 0).limit_denominator(1_000_000_000)
        if picture.kind == "thumbnail":
            return Moment(begin + picture.place * self.spread(seconds).period)
        text = self.posters[picture.place]
        if not text:
            return Moment(begin + seconds * _TELLING, about=True)
        time = _time(text)
        if time is None:
            if ":" not in text:
                raise _no_time("createPosters", text)
            found = cut.of(info, "createPosters", text, "", "")
            # The middle of a frame is in it, however times are rounded.
            return Moment(found.start + (1 / found.rate / 2 if found.rate else 0))
        if time >= seconds:
            raise Invalid(
                "createPosters",
                f"createPosters has {shown(text)}, and the source lasts {float(seconds):g} s; give an earlier time.",
                value=text[:50],
            )
        return Moment(begin + time)

    def require_small(self, info: MediaInfo, seconds: Fraction) -> None:
        """Refuse sheets that no picture format holds."""
        facts = info.of_kind("video")[0].facts
        shape = Fraction(facts.get("width") or 16, facts.get("height") or 9)
        shape *= Fraction(facts.get("pixelAspectRatio") or 1)
        for wanted, box, grid in (
            (self.contact_sheet, self.box, self.overview(seconds)),
            (self.sprite, self.sprite_box, self.spread(seconds) if self.sprite else None),
        ):
            if not wanted or grid is None:
                continue
            width = box.width or math.ceil((box.height or 0) * shape)
            height = box.height or math.ceil((box.width or 0) / shape)
            if max(width * grid.columns, height * grid.rows) > _LONGEST_SHEET:
                raise Invalid(
                    "thumbnailWidth",
                    f"A sheet of {grid.columns} by {grid.rows} pictures of {width} by {height} dots would be too large; "
                    f"its longest side may have {_LONGEST_SHEET}. Give a smaller thumbnailWidth, or fewer pictures.",
                )


def wanted(data: JobData, stem: str) -> Wanted:
    """Read what a job's data asks for; ``stem`` is what the pictures are named after."""
    posters = tuple(
        text.strip() for value in jobdata.values(data, "createPosters") for text in value.split(",") if text.strip()
    )
    thumbnails, contact, sprite = (
        jobdata.flag(data, key) for key in ("createThumbnails", "createContactSheet", "createSprite")
    )
    if posters == ("false",):
        posters = ()
    elif posters == ("true",) or not (posters or thumbnails or contact or sprite):
        posters = ("",)
    if len(posters) > _POSTERS:
        raise Invalid("createPosters", f"createPosters has {len(posters)} times; give at most {_POSTERS}.")
    for text in posters:
        if text and _time(text) is None and ":" not in text:
            raise _no_time("createPosters", text)
    if not (posters or thumbnails or contact or sprite):
        raise Invalid("createPosters", "The job is told to make nothing; leave createPosters out, or give a time.")
    width, height = (_whole(data, f"thumbnail{side}", LONGEST_SIDE) for side in ("Width", "Height"))
    nothing = width is None and height is None
    return Wanted(
        posters,
        thumbnails,
        contact,
        sprite,
        Box(*(_whole(data, f"poster{side}", LONGEST_SIDE) for side in ("Width", "Height"))),
        Box(_WIDTH if nothing else width, height),
        Box(_SPRITE_WIDTH if nothing else width, height),
        _whole(data, "contactSheetColumns", _ACROSS) or 4,
        _whole(data, "contactSheetRows", _ACROSS) or 4,
        _period(data),
        _format(data),
        stem,
    )


def _time(text: str) -> Fraction | None:
    """Return the seconds that a time stands for; nothing for what may be a time code, or is no time."""
    if _SECONDS.fullmatch(text):
        return Fraction(text)
    if (clock := _CLOCK.fullmatch(text)) is not None:
        return Fraction(int(clock[1]) * 60 + int(clock[2])) * 60 + Fraction(clock[3])
    if (count := _COUNT.fullmatch(text)) is not None:
        base = _NAMED_BASES[count[4]] if count[4] else Fraction(int(count[2]))
        base /= int(count[3] or 1) or 1
        return int(count[1]) / base if base else None
    return None


def _no_time(key: str, text: str) -> Invalid:
    return Invalid(
        key,
        f"{key} has {shown(text)}; give seconds (12.5), a clock (00:00:12.5), frames at a rate (300@24, 300@PAL), "
        "or a time code of the source (10:00:12:12).",
        value=text[:50],
    )


def _period(data: JobData) -> Fraction | None:
    text = jobdata.optional(data, "thumbnailPeriod")
    if text is None:
        return None
    time = _time(text.strip())
    if time is None or time < _SHORTEST_PERIOD:
        raise Invalid(
            "thumbnailPeriod",
            f"thumbnailPeriod is {shown(text)}; give seconds (2.5), at least {float(_SHORTEST_PERIOD)}, "
            "or frames at a rate (250@PAL).",
            value=text[:50],
        )
    return time.limit_denominator(100_000)


def _whole(data: JobData, key: str, most: int) -> int | None:
    text = jobdata.optional(data, key)
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,6}", text.strip()) or not 1 <= int(text) <= most:
        raise Invalid(key, f"{key} is {shown(text)}; give a whole number from 1 to {most}.", value=text[:50])
    return int(text)


def _format(data: JobData) -> str:
    text = jobdata.optional(data, "thumbnailFormat")
    if text is None:
        # A name of one's own tells it.
        ending = (jobdata.values(data, "destinationUri") or ("",))[0].rpartition(".")[2].lower()
        return _ENDINGS.get(ending, FORMATS[0])
    name = _ENDINGS.get(text.strip().lower())
    if name is None:
        raise Invalid(
            "thumbnailFormat", f"thumbnailFormat is {shown(text)}; give {', '.join(FORMATS)}.", value=text[:50]
        )
    return name
