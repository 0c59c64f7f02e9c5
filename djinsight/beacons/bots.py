"""Bots: recognise crawlers by their user agents."""

from __future__ import annotations

from functools import lru_cache

import crawleruseragents

from djinsight.beacons.beacon import MAX_USER_AGENT


def is_crawler(user_agent: str) -> bool:
    """Return whether ``user_agent`` is that of a crawler. An empty one is, as every browser sends one."""
    return _verdict(user_agent[:MAX_USER_AGENT])


# Most handshakes carry one of few user agents, as a visitor's does not change and many visitors share a browser.
@lru_cache(maxsize=4096)
def _verdict(user_agent: str) -> bool:
    return not user_agent.strip() or bool(crawleruseragents.is_crawler(user_agent))
