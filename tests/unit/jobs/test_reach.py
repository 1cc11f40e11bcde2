"""Which addresses are called when somebody else names the URL."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from vidijob.jobs.reach import may_be_called

EVERYTHING = (ip_network("0.0.0.0/0"), ip_network("::/0"))


@pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_ones_are(address: str) -> None:
    assert may_be_called(address, ())


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "::1",
        "fd00::1",
        "fd00:ec2::254",
        "::ffff:10.0.0.1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2002:a00:1::1",
        "198.18.0.1",
        "192.0.2.1",
        "240.0.0.1",
        "255.255.255.255",
    ],
)
def test_others_only_where_they_are_allowed(address: str) -> None:
    assert not may_be_called(address, ())
    assert may_be_called(address, EVERYTHING)


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::",
        "fe80::1",
        "fe80::1%eth0",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "ff02::1",
        "nonsense",
        "",
    ],
)
def test_some_never(address: str) -> None:
    assert not may_be_called(address, EVERYTHING)


def test_a_network_allows_its_own() -> None:
    allowed = (ip_network("10.1.0.0/16"), ip_network("::1/128"))
    assert may_be_called("10.1.255.255", allowed) and may_be_called("::1", allowed)
    assert may_be_called("::ffff:10.1.0.1", allowed)
    assert not may_be_called("10.2.0.1", allowed) and not may_be_called("127.0.0.1", allowed)
