"""Reads composition playlists (ST 2067-3): segments, sequences, resources, and how long they last."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from vidijob.executors.imf import values
from vidijob.executors.imf.findings import Findings
from vidijob.executors.markup import Element
from vidijob.executors.storage import shown

IMAGE, AUDIO = "MainImageSequence", "MainAudioSequence"
_MARKERS = "MarkerSequence"


@dataclass(frozen=True, slots=True)
class Resource:
    """A stretch of a track file, or of markers."""

    id: str
    #: Empty for markers.
    track_file: str
    edit_rate: Fraction
    #: In edit units, as the next ones: how long the file is, where the stretch begins in it, how long that is.
    intrinsic: int
    entry: int
    duration: int
    #: How many times it is played.
    repeat: int
    #: The file's hash and how it was made, where the playlist has one.
    digest: bytes = b""
    algorithm: str | None = None

    @property
    def seconds(self) -> Fraction:
        """Return how long it plays."""
        return self.duration * self.repeat / self.edit_rate

    def facts(self) -> dict[str, Any]:
        """Return it for the report."""
        return {
            "id": self.id,
            **({"trackFileId": self.track_file} if self.track_file else {}),
            "editRate": str(self.edit_rate),
            "intrinsicDuration": self.intrinsic,
            "entryPoint": self.entry,
            "sourceDuration": self.duration,
            "repeatCount": self.repeat,
            "seconds": round(float(self.seconds), 6),
        }


@dataclass(frozen=True, slots=True)
class Sequence:
    """What one virtual track plays in a segment."""

    id: str
    #: The name of its element: ``MainImageSequence``.
    kind: str
    track: str
    resources: tuple[Resource, ...]

    @property
    def seconds(self) -> Fraction:
        """Return how long it plays."""
        return sum((resource.seconds for resource in self.resources), Fraction())

    def facts(self) -> dict[str, Any]:
        """Return it for the report."""
        return {
            "id": self.id,
            "kind": self.kind,
            "trackId": self.track,
            "seconds": round(float(self.seconds), 6),
            "resources": [resource.facts() for resource in self.resources],
        }


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a composition, whose sequences play side by side."""

    id: str
    sequences: tuple[Sequence, ...]

    @property
    def seconds(self) -> Fraction:
        """Return how long it lasts: as long as its picture, or else its longest sequence."""
        played = [one.seconds for one in self.sequences if one.kind == IMAGE]
        return max(played or [one.seconds for one in self.sequences], default=Fraction())

    def facts(self) -> dict[str, Any]:
        """Return it for the report."""
        return {
            "id": self.id,
            "seconds": round(float(self.seconds), 6),
            "sequences": [sequence.facts() for sequence in self.sequences],
        }


@dataclass(frozen=True, slots=True)
class Composition:
    """A composition playlist."""

    id: str
    edition: str | None
    title: str | None
    kind: str | None
    annotation: str | None
    issuer: str | None
    issue_date: str | None
    #: As it is written, ``00:01:30``; informative.
    total_running_time: str | None
    edit_rate: Fraction
    segments: tuple[Segment, ...]

    @property
    def seconds(self) -> Fraction:
        """Return how long it lasts."""
        return sum((segment.seconds for segment in self.segments), Fraction())

    def resources(self, kind: str | None = None) -> Iterator[Resource]:
        """Yield the resources of all sequences, or of one kind of them, in order."""
        for segment in self.segments:
            for sequence in segment.sequences:
                if kind in (None, sequence.kind):
                    yield from sequence.resources

    def facts(self) -> dict[str, Any]:
        """Return it for the report."""
        said = {
            "id": self.id,
            "standard": self.edition,
            "title": self.title,
            "kind": self.kind,
            "annotation": self.annotation,
            "issuer": self.issuer,
            "issueDate": self.issue_date,
            "totalRunningTime": self.total_running_time,
            "editRate": str(self.edit_rate),
            # In edit units of the composition; it need not be whole.
            "duration": round(float(self.seconds * self.edit_rate), 6),
            "seconds": round(float(self.seconds), 6),
            "mainImage": _track_files(self.resources(IMAGE)),
            "mainAudio": _track_files(self.resources(AUDIO)),
            "segments": [segment.facts() for segment in self.segments],
        }
        return {key: value for key, value in said.items() if value is not None}


def read(root: Element, name: str, asset: str, findings: Findings) -> Composition | None:
    """Return the composition of a playlist; nothing where it has no edit rate. ``name`` and ``asset`` are the file's."""
    edition = values.edition(root)

    def wrong(element: Element, reason: str) -> None:
        findings.error("composition", f"{name}, line {element.line}: {reason}.", asset)

    if edition is None or edition[0] != "2067-3":
        findings.warn("unknownNamespace", f"{name} has a namespace that is not known: {shown(root.namespace)}.", asset)
    edit_rate = values.rate(root.text("EditRate"))
    if edit_rate is None:
        wrong(root, f"the edit rate is {shown(root.text('EditRate'))!r}")
        return None
    if values.identifier(root, "Id") != asset:
        wrong(root, f"the asset map calls the composition {shown(asset)}; its own Id is another")
    segments = root.first("SegmentList")
    found = Composition(
        values.identifier(root, "Id"),
        None if edition is None else f"ST {edition[0]}:{edition[1]}",
        values.text(root, "ContentTitle"),
        values.text(root, "ContentKind"),
        values.text(root, "Annotation"),
        values.text(root, "Issuer"),
        values.text(root, "IssueDate"),
        values.text(root, "TotalRunningTime"),
        edit_rate,
        tuple(_segment(one, edit_rate, wrong) for one in (() if segments is None else segments.all("Segment"))),
    )
    if not found.segments:
        wrong(root, "the composition has no segment")
    return found


Wrong = Callable[[Element, str], None]


def _segment(element: Element, edit_rate: Fraction, wrong: Wrong) -> Segment:
    listing = element.first("SequenceList")
    sequences = tuple(_sequence(one, edit_rate, wrong) for one in (() if listing is None else listing))
    lasting = {one.seconds for one in sequences if one.kind != _MARKERS}
    if len(lasting) > 1:
        words = ", ".join(f"{one.kind} {float(one.seconds):.6g} s" for one in sequences[:10] if one.kind != _MARKERS)
        wrong(element, f"the sequences of a segment do not last alike ({words})")
    if not sequences:
        wrong(element, "a segment has no sequence")
    return Segment(values.identifier(element, "Id"), sequences)


def _sequence(element: Element, edit_rate: Fraction, wrong: Wrong) -> Sequence:
    listing = element.first("ResourceList")
    elements = [] if listing is None else listing.all("Resource")
    read = [_resource(one, edit_rate, wrong, marker=element.name == _MARKERS) for one in elements]
    return Sequence(
        values.identifier(element, "Id"),
        shown(element.name),
        values.identifier(element, "TrackId"),
        tuple(one for one in read if one is not None),
    )


def _resource(element: Element, edit_rate: Fraction, wrong: Wrong, *, marker: bool) -> Resource | None:
    """Return a resource with what may be left out filled in; nothing for one that cannot be played."""
    said = element.text("EditRate")
    rate = values.rate(said) if said else edit_rate
    intrinsic = values.number(element.text("IntrinsicDuration"))
    entry = values.number(element.text("EntryPoint") or "0")
    if rate is None or intrinsic is None or entry is None:
        wrong(element, "a resource has an edit rate, an intrinsic duration or an entry point that is none")
        return None
    duration = values.number(element.text("SourceDuration") or str(max(0, intrinsic - entry)))
    repeat = values.number(element.text("RepeatCount") or "1")
    if duration is None or repeat is None:
        wrong(element, "a resource has a source duration or a repeat count that is no number")
        return None
    if entry + duration > intrinsic:
        wrong(element, f"a resource plays {duration} edit units from {entry} of a file that has only {intrinsic}")
    track_file = values.identifier(element, "TrackFileId")
    if not track_file and not marker:
        wrong(element, "a resource names no track file")
    id = values.identifier(element, "Id")
    return Resource(
        id, track_file, rate, intrinsic, entry, duration, repeat, values.digest(element), values.algorithm(element)
    )


def _track_files(resources: Iterator[Resource]) -> list[str]:
    """Return which files they play, each once."""
    return list(dict.fromkeys(resource.track_file for resource in resources if resource.track_file))
