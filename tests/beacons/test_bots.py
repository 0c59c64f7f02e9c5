"""Bots: which user agents are those of crawlers."""

from __future__ import annotations

import pytest

from djinsight.beacons import bots
from djinsight.beacons.beacon import MAX_USER_AGENT
from tests.support.sockets import BROWSER

BROWSERS = {
    "Chrome": BROWSER,
    "Firefox": "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:131.0) Gecko/20100101 Firefox/131.0",
    "Safari": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.6 Safari/605.1.15",
    "Safari on a phone": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_6 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/17.6 Mobile/15E148 Safari/604.1",
    "Chrome on a phone": "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/130.0.0.0 Mobile Safari/537.36",
    "Edge": BROWSER + " Edg/130.0.0.0",
    "a browser nobody knows": "Mozilla/5.0 (Haiku; x86_64) WebPositive/1.3",
    "a user agent of one letter": "x",
    "letters of anywhere": "Mozilla/5.0 (é 語 🙂)",
}

CRAWLERS = {
    "Google": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Google as a phone": "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like "
    "Gecko) Chrome/130.0.0.0 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Bing": "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "GPTBot": "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
    "ClaudeBot": "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; ClaudeBot/1.0; "
    "+claudebot@anthropic.com)",
    "Facebook": "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "curl": "curl/8.10.1",
    "Python": "python-requests/2.32.3",
    "nothing": "",
    "spaces": " \t ",
}


@pytest.mark.parametrize("user_agent", BROWSERS.values(), ids=BROWSERS)
def test_browser(user_agent: str) -> None:
    assert bots.is_crawler(user_agent) is False


@pytest.mark.parametrize("user_agent", CRAWLERS.values(), ids=CRAWLERS)
def test_crawler(user_agent: str) -> None:
    assert bots.is_crawler(user_agent) is True


def test_only_the_beginning_is_looked_at() -> None:
    """Longer user agents would take up to 430 ms to match."""
    crawler = CRAWLERS["Google"]
    padding = "x " * MAX_USER_AGENT
    assert bots.is_crawler(padding[: MAX_USER_AGENT - len(crawler)] + crawler)
    assert not bots.is_crawler(padding[:MAX_USER_AGENT] + crawler)


def test_a_verdict_is_kept_for_the_beginning() -> None:
    user_agent = BROWSER.ljust(MAX_USER_AGENT, ".")
    bots.is_crawler(user_agent)
    misses = bots._verdict.cache_info().misses
    for n in range(100):
        bots.is_crawler(f"{user_agent}{n}")
    assert bots._verdict.cache_info().misses == misses
