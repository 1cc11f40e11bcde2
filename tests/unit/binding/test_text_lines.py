"""Lists for scripts: one entry per line."""

from __future__ import annotations

from vidijob.binding.text import lines


def test_every_entry_ends_with_crlf() -> None:
    assert lines(["VX-1", "VX-2"]) == "VX-1\r\nVX-2\r\n"


def test_no_entry_is_no_line() -> None:
    assert lines(iter(())) == ""


def test_columns_are_separated_by_tabs() -> None:
    assert lines([("VX-49", "file:///a", "NONE")]) == "VX-49\tfile:///a\tNONE\r\n"


def test_an_entry_stays_one_line() -> None:
    assert lines(["a\r\nb\tc", ("d\n", "e\t")]) == "a  b c\r\nd \te \r\n"
