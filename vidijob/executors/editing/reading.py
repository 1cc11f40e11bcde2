"""Runs as a process of its own: reads a timeline with OpenTimelineIO and prints as JSON what is on its tracks.

``python -I reading.py RATE < FILE``; RATE is that of the time codes of an EDL, which does not say it. It imports nothing of
ours. A hostile file may crash, hang or bloat what reads it; here it takes nothing else with it. It prints a line for the
timeline and then one for each item of a track, in order, or, where it cannot be read, only ``{"error": …}``.
"""

import json
import re
import resource
import sys
from collections.abc import Iterator
from fractions import Fraction
from typing import Any
from xml.etree import ElementTree

#: Bytes of address space and seconds of processor time.
_MEMORY = 2 * 1024**3
_SECONDS = 60
#: How many items are printed; who asked may want fewer.
_ITEMS = 5000
_LONGEST_NAME = 1000


class Refused(Exception):
    """What the timeline has and cannot be carried out."""


def main() -> None:
    """Print what is in the timeline on standard input."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        answers = list(read(sys.stdin.buffer.read(), float(sys.argv[1])))
    except ModuleNotFoundError as error:
        answers = [{"missing": str(error)}]
    except Refused as error:
        answers = [{"refused": str(error)}]
    except Exception as error:
        answers = [{"error": f"{type(error).__name__}: {error}"[:_LONGEST_NAME]}]
    for answer in answers:
        sys.stdout.write(json.dumps(answer) + "\n")


def read(content: bytes, rate: float) -> Iterator[dict[str, Any]]:
    """Return the facts of a timeline and of the items on its tracks."""
    import opentimelineio as otio

    adapter = adapter_of(content)
    # Media is found by the server, by its own rules.
    options: dict[str, Any] = {"media_linker_name": otio.media_linker.MediaLinkingPolicy.DoNotLinkMedia}
    if adapter == "cmx_3600":
        options |= {"rate": rate, "ignore_timecode_mismatch": True}
    text = content.decode("utf-8-sig")
    rates: dict[float, float] = {}
    if adapter == "fcpx_xml":
        text, rates = on_whole_frames(text)
    found = otio.adapters.read_from_string(text, adapter, **options)
    timeline = only_timeline(otio, found)
    pictures = [track for track in timeline.tracks if is_track(otio, track, "Video")]
    sounds = [track for track in timeline.tracks if is_track(otio, track, "Audio")]
    if len(pictures) > 1:
        for track in pictures:
            list(items(otio, track))
        pictures = [otio.algorithms.flatten_stack(pictures)]
    lanes = [("V", track) for track in pictures] + [(f"A{place}", track) for place, track in enumerate(sounds)]
    told = [{"lane": lane, **true_rates(item, rates)} for lane, track in lanes for item in items(otio, track)]
    if len(told) > _ITEMS:
        raise Refused(f"it has {len(told)} clips and gaps")
    yield {"name": str(timeline.name)[:_LONGEST_NAME], "format": adapter, "items": len(told)}
    yield from told


def adapter_of(content: bytes) -> str:
    """Return the adapter that reads a file, by how it begins."""
    head = content[:4096].decode("utf-8-sig", "replace").lstrip()
    if head.startswith("{"):
        return "otio_json"
    if head.startswith("<"):
        return "fcpx_xml" if re.search(r"<fcpxml\b|<!DOCTYPE\s+fcpxml", head) else "fcp_xml"
    if re.search(r"^(TITLE:|FCM:|\d{3,}\s)", head, re.MULTILINE):
        return "cmx_3600"
    raise Refused("it is neither OTIO nor an EDL nor XML of Final Cut Pro")


def on_whole_frames(text: str) -> tuple[str, dict[float, float]]:
    """Return XML of Final Cut Pro X whose times its adapter reads to the frame, and which rate it takes for which.

    The adapter has a rate cut down to a whole number (29.97 to 29) and then cuts every time down to a frame, also where only
    a float is a little too small. So each time is put a quarter into its frame, and the rate is rounded to a whole one.
    """
    tree = ElementTree.fromstring(text)
    durations = {one.get("id"): one.get("frameDuration") for one in tree.iter("format")}
    sequence = next(tree.iter("sequence"), None)
    length = seconds(durations.get(sequence.get("format")) if sequence is not None else None)
    if not length:
        return text, {}
    rate, whole = 1 / length, round(1 / length)
    for element in tree.iter():
        for name in ("offset", "start", "duration"):
            if (time := seconds(element.get(name))) is not None:
                frames = round(time * rate)
                element.set(name, f"{4 * frames + 1}/{4 * whole}s" if frames else "0s")
        if element.tag == "format" and element.get("frameDuration"):
            element.set("frameDuration", f"1/{whole}s")
    return ElementTree.tostring(tree, encoding="unicode"), {float(whole): float(rate)}


def seconds(text: str | None) -> Fraction | None:
    """Return a time of Final Cut Pro X, ``1001/30000s``."""
    return Fraction(text[:-1]) if text and re.fullmatch(r"-?[0-9]{1,18}(/0*[1-9][0-9]{0,17})?s", text) else None


def true_rates(item: dict[str, Any], rates: dict[float, float]) -> dict[str, Any]:
    """Return an item with the rates that were meant."""
    for name in ("duration", "start", "origin"):
        if name in item:
            item[name][1] = rates.get(item[name][1], item[name][1])
    return item


def only_timeline(otio: Any, found: Any) -> Any:
    """Return the one timeline that a file holds."""
    if isinstance(found, otio.schema.Timeline):
        return found
    if isinstance(found, otio.schema.SerializableCollection):
        timelines = list(found.find_children(descended_from_type=otio.schema.Timeline))
        if len(timelines) == 1:
            return timelines[0]
        raise Refused(f"it has {len(timelines)} sequences; give a file with one")
    raise Refused(f"it is a {type(found).__name__} and no timeline")


def is_track(otio: Any, track: Any, kind: str) -> bool:
    """Tell whether something on the timeline is a track of a kind that plays."""
    if not isinstance(track, otio.schema.Track):
        raise Refused(f"it has a {type(track).__name__} where tracks should be; flatten it")
    # What is not known on a track is refused when its turn comes.
    return track.kind == kind and track.enabled and any(not isinstance(child, otio.schema.Gap) for child in track)


def items(otio: Any, track: Any) -> Iterator[dict[str, Any]]:
    """Return what is on a track, in order: clips and gaps."""
    for child in track:
        name = str(child.name)[:_LONGEST_NAME]
        if isinstance(child, otio.schema.Transition):
            raise Refused(f"it has the transition {name or child.transition_type}; make a cut of it")
        if not isinstance(child, (otio.schema.Clip, otio.schema.Gap)):
            raise Refused(f"it has the {type(child).__name__} {name} within a track; flatten it")
        for effect in child.effects:
            if isinstance(effect, otio.schema.TimeEffect):
                raise Refused(
                    f"{name} is played at another speed ({effect.name or effect.effect_name}); render it first"
                )
        # With its duration, even where the clip itself does not say which part of its media it is.
        trimmed = child.trimmed_range()
        item: dict[str, Any] = {"name": name, "duration": time(trimmed.duration)}
        if (
            isinstance(child, otio.schema.Clip)
            and child.enabled
            and not isinstance(child.media_reference, otio.schema.GeneratorReference)
        ):
            item |= {"start": time(trimmed.start_time), **media(otio, child)}
        elif isinstance(child, otio.schema.Clip) and child.enabled and not is_black(child.media_reference):
            raise Refused(f"{name} is made by a generator ({child.media_reference.generator_kind}); render it first")
        if effects := [str(effect.name or effect.effect_name)[:100] for effect in child.effects][:10]:
            item["effects"] = effects
        yield item


def media(otio: Any, clip: Any) -> dict[str, Any]:
    """Return by what the media of a clip can be found, and where its own time begins."""
    reference = clip.media_reference
    if isinstance(reference, otio.schema.ImageSequenceReference):
        raise Refused(f"{clip.name} is a sequence of single pictures; make a file of it first")
    found: dict[str, Any] = {"url": None, "reel": None}
    if isinstance(reference, otio.schema.ExternalReference) and reference.target_url:
        found["url"] = str(reference.target_url)[:_LONGEST_NAME]
    # An EDL's available range is only what it uses of the media.
    edl = clip.metadata.get("cmx_3600", {})
    found["reel"] = str(edl.get("reel") or "")[:_LONGEST_NAME] or None
    if reference is not None and reference.available_range is not None and not edl:
        found["origin"] = time(reference.available_range.start_time)
    if reference is not None and reference.name:
        found["reference"] = str(reference.name)[:_LONGEST_NAME]
    return found


def is_black(reference: Any) -> bool:
    """Tell whether a generator makes nothing but black."""
    return str(reference.generator_kind).lower() in ("black", "slug")


def time(given: Any) -> list[float]:
    """Return a time as a count of frames and their rate."""
    return [given.value, given.rate]


if __name__ == "__main__":
    main()
