"""Which network addresses this server calls when somebody else names the URL. Pure: addresses, not names.

Public ones; those of the networks that an administrator allows; never link-local ones, where clouds keep the secrets of
their machines, nor what is no single host.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network

#: What is said of an address that may not be called.
FORBIDDEN = "the settings (webhook_networks) do not allow this address to be called"
#: IPv4 behind IPv6: an address of the second kind is judged by the first that it stands for.
_NAT64 = ip_network("64:ff9b::/96")


def may_be_called(text: str, allowed: Sequence[Network]) -> bool:
    """Tell whether an address may be called; what is no address may not."""
    try:
        address = _plain(ip_address(text.partition("%")[0]))
    except ValueError:
        return False
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        return False
    return address.is_global or any(address in network for network in allowed)


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is not None:
            return inner
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address
