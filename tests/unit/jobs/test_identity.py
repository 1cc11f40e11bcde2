"""Ids of jobs, as users know them, and their UUIDs."""

from __future__ import annotations

from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidijob.errors import NotFound
from vidijob.jobs.identity import MalformedId, Uuids, job_name, parse_job
from vidijob.jobs.model import JobId

LARGEST = 2**63 - 1
SITES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,9}", fullmatch=True)


@given(site=SITES, number=st.integers(1, LARGEST), prefix=st.sampled_from(["", "JOB-"]))
def test_what_is_named_is_found_again(site: str, number: int, prefix: str) -> None:
    assert parse_job(site, prefix + job_name(site, JobId(number))) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [("VX-80", 80), ("JOB-VX-80", 80), ("VX-0080", 80), (f"VX-{LARGEST}", LARGEST), ("VX-" + "0" * 31 + "1", 1)],
)
def test_an_id_is_read(text: str, number: int) -> None:
    assert parse_job("VX", text) == number


def test_a_site_called_job_is_no_trap() -> None:
    assert parse_job("JOB", "JOB-7") == parse_job("JOB", "JOB-JOB-7") == 7


@pytest.mark.parametrize(
    "text",
    [
        "", "80", "VX80", "VX_80", "VX-", "-80", "VX--80", "VX-+80", "VX-8O", "VX-80 ", " VX-80", "VX-80\n", "VX-٨٠",
        "ITEM-VX-80", "JOB-80x", "job-VX-80", "JOB-JOB-VX-80", "9X-80", "V X-80", "VX-8.0", "VX-80\x00", "*",
        "VX-" + "0" * 32 + "1",
    ],
)  # fmt: skip
def test_what_is_no_id_says_so(text: str) -> None:
    with pytest.raises(MalformedId) as refused:
        parse_job("VX", text)
    assert (refused.value.kind, refused.value.id) == ("Job", text)


@pytest.mark.parametrize("text", ["KP-80", "vx-80", "VX-0", "VX-000", f"VX-{LARGEST + 1}", "VX-" + "9" * 32])
def test_an_id_that_no_job_here_has_is_not_found(text: str) -> None:
    with pytest.raises(NotFound) as refused:
        parse_job("VX", text)
    assert type(refused.value) is NotFound
    assert refused.value.id == text


@given(st.text() | st.from_regex(r"(JOB-)?[A-Z]{1,2}-[0-9]{1,40}", fullmatch=True))
def test_reading_an_id_refuses_or_answers_one_that_a_row_can_have(text: str) -> None:
    try:
        number = parse_job("VX", text)
    except NotFound as refused:
        assert refused.id == text
    else:
        assert 0 < number <= LARGEST


KEYS = st.binary(min_size=32, max_size=32)


@given(key=KEYS, kind=st.sampled_from(["job", "step"]), number=st.integers(0, 2**80 - 1))
def test_a_uuid_leads_back_to_its_number_and_to_nothing_else(key: bytes, kind: str, number: int) -> None:
    uuids = Uuids(key)
    uuid = uuids.of(kind, number)
    assert (uuid.version, uuid.variant) == (4, "specified in RFC 4122")
    assert uuids.number(kind, uuid) == number
    assert uuids.number("other", uuid) is None
    assert Uuids(bytes(32)).number(kind, uuid) is None or key == bytes(32)


@given(key=KEYS, uuid=st.uuids())
def test_another_uuid_is_nobodys(key: bytes, uuid: UUID) -> None:
    assert Uuids(key).job(uuid) is None


@given(key=KEYS, number=st.integers(1, LARGEST), bit=st.integers(0, 127))
def test_a_uuid_with_one_bit_changed_is_nobodys(key: bytes, number: int, bit: int) -> None:
    uuids = Uuids(key)
    assert uuids.job(UUID(int=uuids.of_job(JobId(number)).int ^ 1 << bit)) is None


def test_uuids_of_neighbours_have_nothing_in_common() -> None:
    uuids = Uuids(b"k" * 32)
    made = [uuids.of_job(JobId(number)).int for number in range(1, 1001)]
    assert len(set(made)) == 1000
    bits = [(a ^ b).bit_count() for a, b in pairwise(made)]
    assert min(bits) > 25 and 55 < sum(bits) / len(bits) < 67


def test_a_number_that_is_too_large_has_none() -> None:
    for number in (-1, 2**80):
        with pytest.raises(ValueError, match="bits"):
            Uuids(b"k").of("job", number)
    assert Uuids(b"k").job(Uuids(b"k").of("job", 0)) is None
    assert Uuids(b"k").job(Uuids(b"k").of("job", 2**63)) is None
