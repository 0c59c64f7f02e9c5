"""Addresses: find the client's behind the trusted proxies of a site, and truncate it to its network."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Iterator
from functools import lru_cache

from djinsight.conf import UNIX_SOCKET, conf

logger = logging.getLogger("djinsight.beacons")

MAX_FORWARDED = 2048  # characters read from the end of X-Forwarded-For, where proxies append
MAX_ADDRESS = 45  # characters; a longer string is no address

_LOCAL_NETWORKS = (
    "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 ::1/128 fc00::/7 fe80::/10"
)
_LOCAL = [ipaddress.ip_network(network) for network in _LOCAL_NETWORKS.split()]


def of_client(peer: str, forwarded: str) -> str:
    """Return the client's address: that of the peer, or the one that a trusted proxy reports.

    Each proxy appends the address of its own peer to X-Forwarded-For. The header is read from its end for as long as
    the addresses belong to ``DJINSIGHT_TRUSTED_PROXIES``; clients can forge anything before that.

    A server that evaluates the header itself passes the client's address as the peer's. Then both name the same
    address, and it is returned.

    A local peer that forwards without being a trusted proxy is one that the site's developer forgot to name. Its
    address is not used, as every visitor would share it, and with it the rate limit of one network.

    Args:
        peer: The address of the other end of the connection, ``""`` for a Unix socket.
        forwarded: The header X-Forwarded-For, ``""`` if there is none.

    Returns:
        The address in its canonical form, ``""`` if it is not known.
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
    """Return the network of an IPv4 (24 bits) or IPv6 address (48 bits), ``""`` for any other string."""
    return _network(canonical(address))


def canonical(address: str) -> str:
    """Return the canonical form of an address, IPv4-mapped IPv6 as IPv4; ``""`` if it is no address."""
    return _canonical(address.partition("%")[0][: MAX_ADDRESS + 1])


# Parsing an address takes 6 us, and the same ones return with each view of a visitor.
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
    if local:  # logged once for each address, as the answer is cached
        logger.warning(
            "views come through a proxy at %s that DJINSIGHT_TRUSTED_PROXIES does not name. The addresses of visitors "
            "are unknown, so no rate limit applies to their networks. Add the proxy to that setting.",
            address,
        )
    return local


@lru_cache(maxsize=1024)
def _is_proxy(address: str, proxies: tuple[str, ...]) -> bool:
    if not address:
        return UNIX_SOCKET in proxies  # a peer on a Unix socket has no address
    ip = ipaddress.ip_address(address)
    return any(ip in ipaddress.ip_network(each, strict=False) for each in proxies if each != UNIX_SOCKET)


def _before(address: str, hops: Iterator[str], proxies: tuple[str, ...]) -> str:
    """Return the first of ``address`` and ``hops`` that is no trusted proxy's, else the last known one."""
    while _is_proxy(address, proxies) and (hop := next(hops, "")):
        address = hop
    return address


def _hop(text: str) -> str:
    """Return the address of a hop without the port that some proxies append (``192.0.2.1:8080``, ``[::1]:8080``)."""
    text = text.strip()
    if text.startswith("["):
        return canonical(text[1:].partition("]")[0])
    return canonical(text.partition(":")[0] if text.count(":") == 1 else text)
