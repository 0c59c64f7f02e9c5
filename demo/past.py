"""Past: ``python -m demo.past DAYS`` invents views of past days, and counts them with the script for real ones."""

from __future__ import annotations

import os
import random
import secrets
import sys
from typing import TYPE_CHECKING

from demo.simulate import BROWSERS

if TYPE_CHECKING:
    from djinsight.counting.entries import View
    from djinsight.tracked.refs import ObjectRef

HOUR = 3_600_000  # ms
VIEWS_AN_HOUR = 7  # on average, of all pages together
VISITORS = 800  # of which few come often
BY_HOUR = (2, 1, 1, 1, 1, 2, 4, 7, 9, 9, 8, 8, 9, 8, 7, 7, 8, 9, 10, 12, 13, 11, 7, 4)
BY_WEEKDAY = (9, 9, 10, 10, 8, 12, 14)  # people garden at weekends
REFERRERS = ("", "", "", "https://www.google.com/", "https://duckduckgo.com/", "https://mastodon.social/")


def main() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "demo.settings")
    django.setup()

    from djinsight import days
    from djinsight.counting import connections, scripts
    from djinsight.counting.calls import Call
    from djinsight.models import PageViewStatistics

    if PageViewStatistics.objects.exists():
        return  # there is a real past
    pages = _pages()
    visitors = [(f"past-{n:017}", random.choice(BROWSERS), f"198.51.100.{n % 250}") for n in range(VISITORS)]
    now = days.now().ms
    began = now - int(sys.argv[1]) * 24 * HOUR
    for ms in range(began, now, HOUR):
        moment = days.at(ms)
        hour = (ms - moment.day_began_ms) // HOUR % 24
        busy = BY_HOUR[hour] / 7 * BY_WEEKDAY[moment.day.weekday()] / 10 * (0.6 + 0.8 * (ms - began) / (now - began))
        views = [_view(pages, visitors) for _ in range(round(random.gauss(VIEWS_AN_HOUR * busy, 2)))]
        if views:
            call = Call(0, views, moment)
            scripts.count_views.call(connections.sync_client(0), call.keys, call.args)


def _pages() -> list[tuple[ObjectRef, str]]:
    """Return every page's ref and path, the most popular first, in another order than for simulated visitors."""
    from django.apps import apps

    from djinsight.tracked.refs import ObjectRef

    labels = ["demo.Article", "demo.Product", "demo.Course"]
    if apps.is_installed("demo.cms"):
        labels.append("demo_cms.BlogPage")
    objects = [obj for label in labels for obj in apps.get_model(label).objects.all()]
    random.Random(3).shuffle(objects)
    return [(ObjectRef.of(obj), obj.get_tracking_url()) for obj in objects]


def _view(pages: list[tuple[ObjectRef, str]], visitors: list[tuple[str, str, str]]) -> View:
    from djinsight.beacons.beacon import Beacon
    from djinsight.beacons.visitors import Visitor
    from djinsight.counting.entries import View

    [(ref, path)] = random.choices(pages, [1 / (rank + 2) for rank in range(len(pages))])
    key, user_agent, address = visitors[int(len(visitors) * random.random() ** 3)]
    beacon = Beacon(secrets.token_urlsafe(18), ref, path, random.choice(REFERRERS))
    return View(beacon, Visitor(key, address, user_agent, crawler=False))


if __name__ == "__main__":
    main()
