"""What sidecar files say, whatever program wrote them, judged by other people's readers."""

from __future__ import annotations

import time
from pathlib import Path
from xml.etree import ElementTree

import pysubs2
import pytest
import ttconv.imsc.reader
import ttconv.srt.writer
from hypothesis import given, settings
from hypothesis import strategies as st

from vidijob.executors import markup
from vidijob.executors.sidecar import cues, sidecars, webvtt
from vidijob.executors.sidecar.cues import LONGEST_CUE, Cue, Problems, Unreadable
from vidijob.executors.sidecar.sidecars import Sidecar
from vidijob.executors.threads import Stop, Stopped

SRT = "1\n00:00:01,000 --> 00:00:02,500\nHello,\nwörld\n\n2\n00:01:00,000 --> 01:00:00,001\n<i>Bye</i> & {\\an8}<font color=red>gone</font>\n"
VTT = (
    "WEBVTT - a title\nKind: captions\nLanguage: en-GB\n\nNOTE\nnot shown --\n\nSTYLE\n::cue { color: red }\n\n"
    "first one\n00:01.000 --> 00:02.500 align:start\nHello,\nwörld\n\n01:00:00.000 --> 123:00:00.001\n<v Roger>Bye</v>\n"
)
TTML = """<?xml version="1.0" encoding="UTF-8"?>
<tt xmlns="http://www.w3.org/ns/ttml" xmlns:ttp="http://www.w3.org/ns/ttml#parameter" xmlns:ttm="http://www.w3.org/ns/ttml#metadata"
    xmlns:tts="http://www.w3.org/ns/ttml#styling" ttp:frameRate="24" ttp:frameRateMultiplier="1000 1001" ttp:tickRate="10000000"
    xml:lang="de">
  <head><layout><region xml:id="r" tts:extent="100% 100%" tts:origin="0% 0%"/></layout></head>
  <body region="r" begin="10s" end="1h"><div region="r">
    <p region="r" begin="00:00:01:12" end="00:00:02.5"><span>Hallo,</span><br/><span>Welt</span></p>
    <p region="r" begin="5m" dur="25000000t"><ttm:title>not shown</ttm:title><span>ein   <span>Wort</span>
      mehr</span></p>
    <p region="r" begin="600s" end="610s"><span begin="1s" end="2s">eins</span><span begin="2s" dur="1500ms">zwei</span></p>
  </div></body>
</tt>"""


def read(content: str | bytes, name: str = "a.srt", wanted: str | None = None) -> tuple[Sidecar, list[str]]:
    """Read a file; returns what it says and what is wrong with it."""
    problems = Problems()
    content = content.encode() if isinstance(content, str) else content
    return sidecars.read(content, name, wanted, problems, Stop()), problems.texts


def times(sidecar: Sidecar) -> list[tuple[int, int]]:
    return [(cue.start, cue.end) for cue in sidecar.cues]


@pytest.mark.parametrize(("text", "form"), [(SRT, "srt"), (VTT, "webvtt")])
def test_cues_are_what_another_reader_finds(text: str, form: str) -> None:
    found, problems = read(text)
    judge = pysubs2.SSAFile.from_string(text)
    assert problems == []
    assert (found.format, found.encoding) == (form, "UTF-8")
    assert times(found) == [(event.start, event.end) for event in judge]
    assert found.cues[0].text == judge[0].plaintext == "Hello,\nwörld"


def test_timed_text_is_what_another_reader_finds() -> None:
    found, problems = read(TTML)
    assert problems == []
    model = ttconv.imsc.reader.to_model(ElementTree.ElementTree(ElementTree.fromstring(TTML)))
    judge = pysubs2.SSAFile.from_string(ttconv.srt.writer.from_model(model))
    assert [(cue.start, cue.end, cue.text) for cue in found.cues] == [
        (event.start, event.end, event.plaintext) for event in judge
    ]
    assert (found.language, found.format) == ("de", "ttml")
    # 12 frames of 24000/1001 in a second are 500.5 ms.
    assert [cue.start for cue in found.cues] == [11500, 310000, 611000, 612000]
    assert [cue.line for cue in found.cues] == [7, 8, 10, 10]


def test_a_sequence_counts_from_what_stands_before() -> None:
    text = TTML.partition("<head>")[0] + (
        '<body><div begin="10s" timeContainer="seq"><p dur="1s">a</p><p begin="500ms" dur="1s">b</p></div></body></tt>'
    )
    assert times(read(text)[0]) == [(10_000, 11_000), (11_500, 12_500)]


@pytest.mark.parametrize(("text", "form"), [(SRT, "srt"), (VTT, "webvtt"), (TTML, "ttml")])
def test_what_is_converted_is_what_another_reader_finds(text: str, form: str) -> None:
    found, _ = read(text)
    written = webvtt.write(found.cues, form)
    judge = pysubs2.SSAFile.from_string(written)
    assert times(found) == [(event.start, event.end) for event in judge]
    again, problems = read(written)
    assert problems == [] and times(again) == times(found)
    if form == "srt":
        assert "<i>Bye</i> &amp; gone\n" in written and "an8" not in written


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (SRT.encode("utf-8-sig"), "UTF-8"),
        (SRT.encode("utf-16"), "UTF-16LE"),
        (SRT.encode("utf-16-le"), "UTF-16LE"),
        (SRT.encode("utf-16-be"), "UTF-16BE"),
        (SRT.encode("cp1252"), "Windows-1252"),
        (SRT.encode("latin-1") + b"\x81", "ISO-8859-1"),
        (SRT.replace("\n", "\r\n").encode(), "UTF-8"),
        (SRT.replace("\n", "\r").encode(), "UTF-8"),
    ],
)
def test_encodings_and_ends_of_lines(content: bytes, encoding: str) -> None:
    found, problems = read(content)
    assert found.encoding == encoding
    assert times(found) == [(1000, 2500), (60_000, 3_600_001)] and found.cues[0].text == "Hello,\nwörld"
    assert [text for text in problems if "it is read as" in text] == (
        [f"Line 4: the file is not UTF-8; it is read as {encoding}."]
        if "1252" in encoding or "8859" in encoding
        else []
    )


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "iso-8859-1"])
def test_encodings_of_xml(encoding: str) -> None:
    text = "<tt xmlns='http://www.w3.org/ns/ttml'><body><div><p begin='1s' end='2s'>ü</p></div></body></tt>"
    declared = f"<?xml version='1.0' encoding='{encoding}'?>" if encoding == "iso-8859-1" else ""
    found, problems = read((declared + text).encode(encoding))
    assert (found.cues[0].text, problems) == ("ü", [])
    assert found.encoding == {"utf-8-sig": "UTF-8", "utf-16": "UTF-16"}.get(encoding, "ISO-8859-1")


SLIPS = {
    "1\n0:0:1.5 --> 0:0:2\na\n": ["Line 2: the time 0:0:1.5 should", "Line 2: the time 0:0:2 should"],
    "00:00:01,000 --> 00:00:02,000\na\n": ["Line 1: the cue has no number."],
    "7\n00:00:01,000 --> 00:00:02,000\na\n": ["Line 1: the cue has the number 7, after 0."],
    "1\n00:00:01,000 --> 00:00:02,000\na\n\nb\n": ["Line 5: text follows an empty line"],
    "1\n00:00:01,000 --> 00:00:02,000\na\n2\n00:00:02,000 --> 00:00:03,000\n7\n": ["Line 4: there is no empty line"],
    "1\n00:00:05,000 --> 00:00:06,000\na\n\n2\n00:00:01,000 --> 00:00:02,000\nb\n": [
        "Line 6: the cue begins before one"
    ],
    "1\n00:00:01,000 --> 00:00:02,000\n\n\n": ["Line 2: the cue has no text."],
    "WEBVTT\n00:01,000 --> 00:02.000\na\n": ["Line 2: the time 00:01,000", "Line 2: there is no empty line"],
    "WEBVTT\n\n00:01.000 --> 00:02.000\na\n00:02.000 --> 00:03.000\nb": ["Line 5: there is no empty line"],
    "<tt><body><div><p begin='1s' end='2s'>a</p></div></body></tt>": ["Line 1: the namespace ''"],
}


@pytest.mark.parametrize(("text", "slips"), SLIPS.items())
def test_a_slip_is_told_and_read_as_it_is_meant(text: str, slips: list[str]) -> None:
    problems = Problems()
    found = sidecars.read(text.encode(), "a", None, problems, Stop())
    assert (problems.errors, problems.slips) == (0, len(slips)), problems.texts
    assert all(told.startswith(slip) for told, slip in zip(sorted(problems.texts), sorted(slips), strict=True))
    assert len(found.cues) == text.count("-->") + text.count("<p")


def ttml(p: str, tt: str = "") -> str:
    return f"<tt xmlns='http://www.w3.org/ns/ttml' xmlns:p='http://www.w3.org/ns/ttml#parameter' {tt}>\n<body><div>\n{p}</div></body></tt>"


ERRORS = {
    "1\n00:00:61,000 --> 00:02:00,000\na\n": "Line 2: '00:00:61,000' is no time",
    "1\n00:00:01,000 --> later\na\n": "Line 2: 'later' is no time",
    "1\n00:00:01,000 -->\na\n": "Line 2: '' is no time",
    "1\n00:00:02,000 --> 00:00:01,000\na\n": "Line 2: the cue ends at 00:00:01.000, before it begins at 00:00:02.000.",
    "1\n00:00:01,000 --> 00:00:02,000\n" + "endless " * 100_000: "Line 2: the text of the cue is longer than 5000 characters.",
    "1\n00:00:01,000 --> 00:00:02,000\n" + "endless\n" * 100_000: "Line 2: the text of the cue is longer than 5000 characters.",
    f"1\n{'9' * 100_000}:00:01,000 --> 00:00:02,000\na": "Line 2: '99999",
    "WEBVTT\n\n00:70.000 --> 01:00.000\na\n": "Line 3: '00:70.000' is no time",
    "WEBVTT\n\nwhat is this?\n": "Line 3: 'what is this?' begins neither a cue nor a note.",
    "WEBVTT\n\na\nb\n00:01.000 --> 00:02.000\nx": "Line 3: 2 lines stand before the times",
    "WEBVTT\n\n00:01.000 --> 00:02.000\n" + "x\n" * 100_000: "Line 3: the text of the cue is longer",
    ttml("<p begin='1:2' end='2s'>a</p>"): "Line 3: begin is '1:2', which is no time.",
    ttml("<p begin='3s' end='2s'>a</p>"): "Line 3: the cue ends at 00:00:02.000, before",
    ttml("<p begin='1s'>a</p>"): "Line 3: the p has no end.",
    ttml("<p begin='1s' end='00:99:00'>a</p>"): "Line 3: end is '00:99:00'",
    ttml(f"<p begin='1s' end='2s'>{'a' * 30_000}</p>"): "Line 3: the text of the cue is longer",
}  # fmt: skip


@pytest.mark.parametrize("text", ERRORS, ids=lambda text: text[:40])
def test_an_error_is_told_with_its_line_and_the_cue_left_out(text: str) -> None:
    problems = Problems()
    found = sidecars.read(text.encode(), "a", None, problems, Stop())
    assert problems.errors >= 1 and found.cues == []
    assert problems.texts[0].startswith(ERRORS[text]), problems.texts


REFUSED = {
    b"": "Line 1: the file has no cue.",
    b"\n\n\n": "Line 1: the file has no cue.",
    b"WEBVTT\n": "Line 1: the file has no cue.",
    b"WEBVTTX\n\n00:01.000 --> 00:02.000\na": "Line 1: a WebVTT file begins with WEBVTT.",
    b"hello": "Line 1: 'hello' stands where the first cue should begin",
    b"1\n00:00:01,000 --> 00:00:02,000\na\0b\n": "Line 3: the file holds a NUL",
    b"\xff\xfea": "Line 1: the file is not the UTF-16LE that it begins as.",
    b"\xff\xfe\0\0a\0\0\0": "Line 1: the file is UTF-32",
    b"\xef\xbb\xbfa\n\xff": "Line 2: the file is not the UTF-8",
    b"<a>\n<b></a>": "Line 2: Column 6: mismatched tag.",
    b"<!DOCTYPE lolz [<!ENTITY a 'lol'><!ENTITY b '&a;&a;'>]><lolz>&b;</lolz>": "Line 1: A DOCTYPE is not read.",
    b"<a>&nothing;</a>": "Line 1: Column 4: undefined entity.",
    b"<a>" * 65: "Line 1: Elements are nested more than 64 deep.",
    b"<?xml version='1.0' encoding='UTF-32'?><a/>": "Line 1: The encoding UTF-32 is not read",
    ttml("", "p:frameRate='0'").encode(): "Line 1: frameRate is '0'",
    ttml("", "p:frameRateMultiplier='1 0'").encode(): "Line 1: frameRateMultiplier is '1 0'",
    ttml("", "p:timeBase='clock'").encode(): "Line 1: timeBase is clock",
    b"<a><b>" + b"x" * 10_001 + b"</b></a>": "Line 1: the value of b is longer than 10000 characters.",
    b"<a>" + b"".join(b"<b%d>x</b%d>" % (n, n) for n in range(501)) + b"</a>": "Line 1: there are more than 500 keys",
}  # fmt: skip


@pytest.mark.parametrize("content", REFUSED, ids=lambda content: repr(content[:30]))
def test_what_is_refused_says_where_and_why(content: bytes) -> None:
    started = time.monotonic()
    with pytest.raises(Unreadable) as refused:
        read(content)
    assert str(refused.value).startswith(REFUSED[content]), refused.value
    assert time.monotonic() - started < 5


def test_there_is_an_end_to_cues_and_elements_and_a_request_to_stop_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cues, "MOST_CUES", 1000)
    text = "1\n00:00:01,000 --> 00:00:02,000\na\n\n" * 1001
    with pytest.raises(Unreadable, match="Line 4002: there are more than 1000 cues"):
        read(text)
    with pytest.raises(markup.NotRead, match="Line 1: There are more than 10 elements"):
        markup.read(b"<a>" + b"<b/>" * 10 + b"</a>", Stop(), markup.Limits(elements=10))
    stop = Stop()
    stop.ask()
    for content in (text.encode(), VTT.encode() + b"\n\nNOTE\n" * 1000, b"<a>" + b"<b/>" * 2000 + b"</a>"):
        with pytest.raises(Stopped):
            sidecars.read(content, "a", None, Problems(), stop)


@settings(max_examples=300, deadline=1000)
@given(
    st.lists(
        st.sampled_from(
            [
                "WEBVTT",
                "\n",
                "\n",
                "1",
                "00:00:01,000",
                "00:01.000",
                " --> ",
                "-->",
                "NOTE",
                "text",
                "<i>",
                "\ufeff",
                "\r",
                "<tt>",
                "<p begin='1s' end='2s'>",
                "</p>",
                "</tt>",
                "&",
                "é",
                "\x85",
                "\u2028",
                "99:99:99,999",
            ]
        ),
        max_size=30,
    ),
    st.sampled_from([None, *sidecars.FORMATS]),
    st.sampled_from(["utf-8", "utf-16", "utf-16-be"]),
)
def test_whatever_stands_in_a_file_is_read_or_refused(parts: list[str], wanted: str | None, encoding: str) -> None:  # fmt: skip
    problems = Problems()
    try:
        found = sidecars.read("".join(parts).encode(encoding), "a", wanted, problems, Stop())
    except Unreadable as refused:
        assert str(refused).startswith("Line ")
    else:
        assert all(0 <= cue.start <= cue.end and len(cue.text) <= LONGEST_CUE for cue in found.cues)
        again, _ = read(webvtt.write(found.cues, found.format), wanted="webvtt") if found.cues else (found, [])
        assert sorted(times(again)) == sorted(times(found))


def test_other_xml_is_keys_and_values() -> None:
    found, _ = read(
        "<m:movie xmlns:m='http://example.org/m'><m:title>A &amp; B</m:title><people><director>C</director>"
        "<director>D</director></people><empty/><field><name>portal_ü</name><value>1</value><value>2</value></field>"
        "<field><key>a b</key><value>3</value></field></m:movie>"
    )
    assert found.format == "xml" and found.cues == []
    assert found.values == {
        "title": ["A & B"], "people.director": ["C", "D"], "portal_ü": ["1", "2"], "a_b": ["3"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("a.en.srt", "en"),
        ("a.pt_BR.vtt", "pt-BR"),
        ("a.srt", None),
        ("a.ts.srt", None),
        ("a.mov.srt", None),
        ("en.srt", None),
    ],
)
def test_a_name_may_say_the_language(name: str, language: str | None) -> None:
    assert read(SRT, name)[0].language == language
    assert sidecars.language_of(Path(name).name) == language


def test_text_that_looks_like_markup_stays_text_when_it_is_converted() -> None:
    cue = Cue(0, 1000, "a < b --> c\n\n<script>x</script> <B>d</B>", 1)
    assert webvtt.write([cue], "srt") == ("WEBVTT\n\n00:00:00.000 --> 00:00:01.000\na &lt; b --&gt; c\nx <b>d</b>\n")
    assert "&lt;script&gt;" in webvtt.write([cue], "ttml")
