"""Addresses: the client's is that of the peer, or the one that a trusted proxy reports."""

from __future__ import annotations

from typing import Any

import pytest

from djinsight.beacons import addresses, visitors
from djinsight.beacons.addresses import MAX_FORWARDED
from tests.support.sockets import BROWSER

PROXIES = ["10.0.0.0/8", "2001:db8:ffff::/48", "203.0.113.7"]
CLIENT, OTHER = "198.51.100.9", "192.0.2.1"


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        pytest.param(CLIENT, "", CLIENT, id="no proxy"),
        pytest.param(CLIENT, OTHER, CLIENT, id="a client that says it is another"),
        pytest.param("10.0.0.1", "", "10.0.0.1", id="a proxy that says nothing"),
        pytest.param("10.0.0.1", CLIENT, CLIENT, id="a proxy"),
        pytest.param("10.0.0.1", f"{OTHER}, {CLIENT}", CLIENT, id="a client behind a proxy that says it is another"),
        pytest.param("10.0.0.1", f"{OTHER}, {CLIENT}, 10.9.9.9,10.0.0.2", CLIENT, id="three proxies"),
        pytest.param("10.0.0.1", f"{CLIENT}, 203.0.113.7", CLIENT, id="one address is a network, too"),
        pytest.param("10.0.0.1", f"{CLIENT}, 203.0.113.8", "203.0.113.8", id="the neighbour of a proxy"),
        pytest.param("10.0.0.1", "10.0.0.5", "10.0.0.5", id="nothing but proxies"),
        pytest.param("::ffff:10.0.0.1", f"::ffff:{CLIENT}", CLIENT, id="IPv4 in IPv6"),
        pytest.param("2001:db8:ffff::1", "2001:DB8::0:9", "2001:db8::9", id="IPv6"),
        pytest.param("10.0.0.1", f"{CLIENT}:50000", CLIENT, id="with a port"),
        pytest.param("10.0.0.1", "[2001:db8::9]:50000", "2001:db8::9", id="IPv6 with a port"),
        pytest.param("10.0.0.1", f"{CLIENT}, unknown", "10.0.0.1", id="a hop that is no address"),
        pytest.param("10.0.0.1", f"{CLIENT}, <script>, 10.0.0.2", "10.0.0.2", id="a hop of garbage"),
        pytest.param("10.0.0.1", ",", "10.0.0.1", id="nothing but a comma"),
        pytest.param("10.0.0.1", f"{'1.1.1.1, ' * 5000}{CLIENT}", CLIENT, id="45 kB"),
        pytest.param("10.0.0.1", "9" * MAX_FORWARDED * 2, "10.0.0.1", id="4 kB of a digit"),
        pytest.param(CLIENT, CLIENT, CLIENT, id="a server that reads the header itself"),
        pytest.param("172.16.1.2", "172.16.1.2", "172.16.1.2", id="such a server in an intranet"),
        pytest.param("172.16.1.2", f"{OTHER}, 172.16.1.2:5000, 10.0.0.2", "172.16.1.2", id="behind two proxies"),
        pytest.param("172.16.1.2", f"172.16.1.2, {CLIENT}", "", id="a forgotten proxy, and a client that names it"),
        pytest.param("", CLIENT, "", id="a peer without address"),
        pytest.param("testclient", CLIENT, "", id="a peer whose address is none"),
    ],
)
def test_of_client(peer: str, forwarded: str, client: str, settings: Any) -> None:
    settings.DJINSIGHT_TRUSTED_PROXIES = PROXIES
    assert addresses.of_client(peer, forwarded) == client


@pytest.mark.parametrize(
    ("address", "read"),
    [
        pytest.param("0000:0000:0000:0000:0000:ffff:198.051.100.009", "", id="of the most characters, but octal"),
        pytest.param("0000:0000:0000:0000:0000:ffff:198.100.100.199", "198.100.100.199", id="of the most characters"),
        pytest.param("2001:DB8:0::9%a-link-with-a-long-name-of-its-own-0123456789", "2001:db8::9", id="with a link"),
        pytest.param("0000:0000:0000:0000:0000:ffff:198.100.100.1990", "", id="one more"),
        pytest.param("198.51.100.9" + 100 * "9", "", id="many more"),
    ],
)
def test_how_an_address_is_written(address: str, read: str) -> None:
    assert addresses.canonical(address) == read


def test_nobody_is_believed_by_default() -> None:
    assert addresses.of_client(OTHER, CLIENT) == OTHER


@pytest.mark.parametrize("peer", ["127.0.0.1", "10.1.2.3", "172.31.0.1", "::ffff:192.168.0.1", "::1", "fd00::1"])
def test_a_proxy_that_was_forgotten(peer: str, caplog: pytest.LogCaptureFixture) -> None:
    """Its address is not used, as all visitors would share it and its rate limit. One warning is logged."""
    pairs = [(b"user-agent", BROWSER.encode()), (b"x-forwarded-for", CLIENT.encode())]
    addresses._is_unnamed_proxy.cache_clear()
    for _ in range(2):
        visitor = visitors.from_scope({"client": (peer, 5), "headers": pairs}, 1)
        assert (visitor.ip_address, visitor.network) == ("", "")
    assert [record.getMessage().count("DJINSIGHT_TRUSTED_PROXIES") for record in caplog.records] == [1]
    assert CLIENT not in caplog.text
    alone = visitors.from_scope({"client": (peer, 5), "headers": pairs[:1]}, 1)
    assert alone.network


def test_a_unix_socket(settings: Any) -> None:
    settings.DJINSIGHT_TRUSTED_PROXIES = ["unix"]
    assert addresses.of_client("", CLIENT) == CLIENT
    assert addresses.of_client(OTHER, CLIENT) == OTHER


def test_all_that_is_kept_of_a_visitor_follows(settings: Any) -> None:
    """The address, the network of the rate limit, and the identity of an anonymous visitor."""
    settings.DJINSIGHT_TRUSTED_PROXIES = PROXIES
    settings.DJINSIGHT_VISITOR = "anonymous"
    pairs = [(b"user-agent", BROWSER.encode()), (b"x-forwarded-for", CLIENT.encode())]
    behind = visitors.from_scope({"client": ("10.0.0.1", 5), "headers": pairs}, 1)
    direct = visitors.from_scope({"client": (CLIENT, 5), "headers": pairs}, 1)
    assert behind == direct
    assert behind.ip_address == "198.51.100.0"
    assert "198.51" not in behind.network
