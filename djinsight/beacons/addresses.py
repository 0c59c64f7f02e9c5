"""Addresses: the client's, through the proxies that the site names, and the network that is kept of it."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Iterator
from functools import lru_cache

from djinsight.conf import UNIX_SOCKET, conf

logger = logging.getLogger("djinsight.beacons")

MAX_FORWARDED = 2048  # characters of X-Forwarded-For from its end; what proxies have added stands there
MAX_ADDRESS = 45  # characters; what is longer is none

_LOCAL_NETWORKS = (
    "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 ::1/128 fc00::/7 fe80::/10"
)
_LOCAL = [ipaddress.ip_network(network) for network in _LOCAL_NETWORKS.split()]


def of_client(peer: str, forwarded: str) -> str:
    """The address of the client: the peer's own, or what a proxy of ``DJINSIGHT_TRUSTED_PROXIES`` says it is.

    ``forwarded`` is the header X-Forwarded-For, to which each proxy appends the address it was asked from. It is read
    from its end for as long as an address is a trusted proxy's: what stands before is anybody's word.

    A server that reads the header itself has put the client in the peer's place: then both name the same address.
    ``""`` where nobody knows: a local peer that forwards and is not named is a proxy that was forgotten. Taken for the
    client it would be everybody, and the limit of one network that of the site.
    """
    proxies = tuple(conf.trusted_proxies)
    address = canonical(peer)
    if not forwarded:
        return address
    hops = map(_hop, reversed(forwarded[-MAX_FORWARDED:].split(",")))
    if not address or _is_proxy(address, proxies):
        return _before(address, hops, proxies)
    if address == _before(next(hops), hops, proxies):
        return address
    return "" if _is_unnamed_proxy(address) else address


def truncated(address: str) -> str:
    """The network of an address: the first 24 bits of an IPv4, 48 of an IPv6 address. ``""`` for anything else."""
    return _network(canonical(address))


def canonical(address: str) -> str:
    """An address as it is always written, IPv4 in IPv6 as IPv4. ``""`` for what is none."""
    return _canonical(address.partition("%")[0][: MAX_ADDRESS + 1])


# To read an address takes 6 us, and each visitor's comes again and again.
@lru_cache(maxsize=4096)
def _canonical(address: str) -> str:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return ""
    mapped = getattr(ip, "ipv4_mapped", None)
    return str(mapped or ip)


@lru_cache(maxsize=4096)
def _network(address: str) -> str:
    if not address:
        return ""
    bits = 24 if "." in address else 48
    return str(ipaddress.ip_network(f"{address}/{bits}", strict=False).network_address)


@lru_cache(maxsize=1024)
def _is_unnamed_proxy(address: str) -> bool:
    ip = ipaddress.ip_address(address)
    local = any(ip in network for network in _LOCAL)
    if local:  # said once of each
        logger.warning(
            "views come through a proxy at %s, and DJINSIGHT_TRUSTED_PROXIES does not name it: the addresses of "
            "visitors are not known, and their views are not limited by network",
            address,
        )
    return local


@lru_cache(maxsize=1024)
def _is_proxy(address: str, proxies: tuple[str, ...]) -> bool:
    if not address:
        return UNIX_SOCKET in proxies  # such a peer has no address
    ip = ipaddress.ip_address(address)
    return any(ip in ipaddress.ip_network(each, strict=False) for each in proxies if each != UNIX_SOCKET)


def _before(address: str, hops: Iterator[str], proxies: tuple[str, ...]) -> str:
    """The first of ``address`` and ``hops`` that is no trusted proxy's, or the last one that is known."""
    while _is_proxy(address, proxies) and (hop := next(hops, "")):
        address = hop
    return address


def _hop(text: str) -> str:
    """The address of a hop; ``192.0.2.1:8080`` and ``[2001:db8::1]:8080`` with their ports, as some proxies write."""
    text = text.strip()
    if text.startswith("["):
        return canonical(text[1:].partition("]")[0])
    return canonical(text.partition(":")[0] if text.count(":") == 1 else text)
