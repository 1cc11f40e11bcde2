"""Reads timed text (W3C TTML, also as IMSC and EBU-TT-D have it): the texts and when they are shown, not how.

Times may be clock times, with frames too, or offsets; they count from the begin of what they stand in (``body``, ``div``, ``p``),
or from the end of what stands before where that is a sequence. A ``span`` with times of its own is a cue of its own.
"""

from __future__ import annotations

import re
from fractions import Fraction

from vidijob.executors.markup import Element
from vidijob.executors.sidecar.cues import LONGEST_CUE, Cue, Cues, Unreadable
from vidijob.executors.storage import shown
from vidijob.executors.threads import Stop

_NAMESPACES = tuple(f"http://www.w3.org/{end}" for end in ("ns/ttml", "2006/10/ttaf1", "2006/04/ttaf1"))
_CLOCK = re.compile(r"(\d{1,4}):(\d{2}):(\d{2})(?:\.(\d{1,9})|:(\d{2,3})(?:\.\d{1,3})?)?")
_OFFSET = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)(h|ms|m|s|f|t)")
_TIMES = ("begin", "end", "dur")
#: When a part begins and ends, in seconds; the end is ``None`` where nothing says it.
Interval = tuple[Fraction, Fraction | None]


def is_ttml(root: Element) -> bool:
    """Tell whether a document is timed text."""
    return root.name == "tt" and (not root.namespace or "ttml" in root.namespace or "ttaf" in root.namespace)


def read(root: Element, cues: Cues, stop: Stop) -> str | None:
    """Read the cues of a document and return its language, if it says it."""
    if root.name != "tt":
        raise Unreadable(root.line, f"the root of timed text is tt; it is {shown(root.name)}.")
    if root.namespace not in _NAMESPACES:
        cues.problems.slip(root.line, f"the namespace {shown(root.namespace)!r} is not one of timed text.")
    reader = _Reader(root, cues, stop)
    body = root.first("body")
    if body is not None:
        reader.walk(body, (Fraction(), None), preserve=root.attributes.get("space") == "preserve")
    return root.attributes.get("lang") or None


class _Reader:
    def __init__(self, root: Element, cues: Cues, stop: Stop) -> None:
        self._cues = cues
        self._stop = stop
        said = root.attributes
        rate = self._number(root, "frameRate", "30")
        multiplier = re.fullmatch(r"(\d{1,9})[ :](\d{1,9})", said.get("frameRateMultiplier", "1 1"))
        if multiplier is None or not int(multiplier[1]) or not int(multiplier[2]):
            raise Unreadable(
                root.line, f"frameRateMultiplier is {shown(said['frameRateMultiplier'])!r}; write 1000 1001."
            )
        self._frames = rate * Fraction(int(multiplier[1]), int(multiplier[2]))
        # Without a rate of its own a tick is a sub-frame, or a second where there are no frames.
        default = str(rate * self._number(root, "subFrameRate", "1")) if "frameRate" in said else "1"
        self._ticks = self._number(root, "tickRate", default)
        base = said.get("timeBase", "media")
        if base == "clock":
            raise Unreadable(root.line, "timeBase is clock: the times are those of a day, not of the picture.")
        if base != "media":
            cues.problems.slip(root.line, f"timeBase is {shown(base)}; the times are taken as those of the picture.")

    def walk(self, element: Element, around: Interval, *, preserve: bool) -> None:
        """Read an element that holds others, or a paragraph."""
        self._stop.check()
        preserve = element.attributes.get("space", "preserve" if preserve else "") == "preserve"
        interval = self._interval(element, around)
        if interval is None:
            return
        if element.name == "p":
            self._paragraph(element, interval, preserve)
            return
        begin, end = interval
        for child in element:
            if child.name in ("div", "p"):
                self.walk(child, (begin, end), preserve=preserve)
                if element.attributes.get("timeContainer") == "seq":
                    own = self._interval(child, (begin, end), tell=False)
                    begin = own[1] if own is not None and own[1] is not None else begin
            elif child.name == "image":
                self._cues.problems.slip(child.line, "a subtitle that is a picture is not read.")
        if "backgroundImage" in element.attributes:
            self._cues.problems.slip(element.line, "a subtitle that is a picture is not read.")

    def _paragraph(self, element: Element, interval: Interval, preserve: bool) -> None:
        timed: list[Element] = []
        text = _text(element, timed, preserve)
        if text.strip() or not timed:
            self._add(element, interval, text)
        for span in timed:
            own = self._interval(span, interval)
            if own is not None:
                self._paragraph(span, own, preserve)

    def _add(self, element: Element, interval: Interval, text: str) -> None:
        begin, end = interval
        if end is None:
            if text:
                self._cues.problems.error(element.line, f"the {shown(element.name)} has no end.")
            return
        if text or any(name in element.attributes for name in _TIMES):
            self._cues.add(Cue(round(begin * 1000), round(end * 1000), text, element.line))

    def _interval(self, element: Element, around: Interval, *, tell: bool = True) -> Interval | None:
        """Return when an element is shown, or nothing where its times are none."""
        times: dict[str, Fraction] = {}
        for name in _TIMES:
            if name in element.attributes:
                time = self._time(element.attributes[name].strip())
                if time is None:
                    if tell:
                        said = shown(element.attributes[name])
                        self._cues.problems.error(element.line, f"{name} is {said!r}, which is no time.")
                    return None
                times[name] = time
        begin = around[0] + times.get("begin", Fraction())
        ends = [around[0] + times["end"]] if "end" in times else []
        ends += [begin + times["dur"]] if "dur" in times else []
        ends += [around[1]] if around[1] is not None else []
        return begin, min(ends, default=None)

    def _time(self, said: str) -> Fraction | None:
        if (found := _CLOCK.fullmatch(said)) is not None:
            if int(found[2]) > 59 or int(found[3]) > 59:
                return None
            seconds = Fraction((int(found[1]) * 60 + int(found[2])) * 60 + int(found[3]))
            if found[4]:
                seconds += Fraction(int(found[4]), 10 ** len(found[4]))
            return seconds + (int(found[5]) / self._frames if found[5] else 0)
        if (found := _OFFSET.fullmatch(said)) is None:
            return None
        per_second = {"h": Fraction(1, 3600), "m": Fraction(1, 60), "s": Fraction(1), "ms": Fraction(1000)}
        per_second |= {"f": self._frames, "t": self._ticks}
        return Fraction(found[1]) / per_second[found[2]]

    def _number(self, root: Element, name: str, default: str) -> Fraction:
        said = root.attributes.get(name, default)
        if not re.fullmatch(r"\d{1,12}", said) or not int(said):
            raise Unreadable(root.line, f"{name} is {shown(said)!r}; write a number above 0.")
        return Fraction(int(said))


def _text(element: Element, timed: list[Element], preserve: bool) -> str:
    """Return the text of a paragraph or span, with its line breaks; spans with times of their own go to ``timed`` instead."""
    parts: list[str] = []
    _gather(element, timed, preserve, parts)
    # So much more than is allowed is kept that it is found to be too long.
    text = "".join(parts)[: 4 * LONGEST_CUE]
    if preserve:
        return text.strip("\n")
    return "\n".join(" ".join(line.split()) for line in text.split("\n")).strip()


def _gather(element: Element, timed: list[Element], preserve: bool, parts: list[str]) -> None:
    for part in element.content:
        if isinstance(part, str):
            parts.append(part if preserve else part.replace("\n", " "))
        elif part.name == "br":
            parts.append("\n")
        elif part.name == "span":
            if any(name in part.attributes for name in _TIMES):
                timed.append(part)
            else:
                own = part.attributes.get("space", "preserve" if preserve else "") == "preserve"
                _gather(part, timed, own, parts)
