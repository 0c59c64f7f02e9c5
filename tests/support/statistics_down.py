"""Statistics down: a site whose statistics are in a database of their own that is down. It prints a line a step."""

import json
import os
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.support.two_databases"
    import django

    django.setup()
    from django.core.management import call_command

    for alias in ("default", "statistics"):
        call_command("migrate", database=alias, verbosity=0)

    import asyncio

    from django.db import connections, transaction
    from django.template import engines
    from django.test import Client
    from django.test.utils import setup_test_environment

    from djinsight import tasks
    from djinsight.counting import live_numbers
    from djinsight.history.persist import persist
    from djinsight.models import PageViewStatistics
    from djinsight.tracked.refs import ObjectRef
    from tests.blog.models import Article, Comment
    from tests.support.counted_views import count_views

    setup_test_environment()
    warm, gone, many = (Article.objects.create(title=title) for title in ("warm", "gone", "many"))
    for article in (warm, gone, many):
        count_views(ObjectRef.of(article), 5)
    persist()
    live_numbers.read(map(ObjectRef.of, (warm, gone, many)))
    cold = Article.objects.create(title="cold")

    statistics = connections["statistics"]
    statistics.close()
    path = statistics.settings_dict["NAME"]

    def say(**what: Any) -> None:
        sys.stdout.write(json.dumps(what) + "\n")

    def render(source: str, **context: Any) -> str:
        return engines["django"].from_string("{% load djinsight_tags %}" + source).render(context)

    statistics.settings_dict["NAME"] = str(Path(path).parent / "nowhere" / "db.sqlite3")

    page = Client().get(f"/articles/{warm.pk}/numbers/")
    say(
        page=page.status_code,
        total=">5<" in page.content.decode(),
        unknown=page.content.decode().count(">\N{EN DASH}<"),
    )
    say(cold=Client().get(f"/articles/{cold.pk}/numbers/").status_code)
    say(bars=render("{% page_analytics_widget period='month' %}", article=warm).count("<rect"))
    found = Article.objects.get(pk=warm.pk)
    say(numbers=[found.total_views, found.unique_views, found.first_viewed_at is not None])
    say(periods=[found.get_views_today(), found.get_views_this_week(), found.get_views_this_month()])
    say(cold_numbers=[cold.total_views, cold.get_views_this_month(), cold.last_viewed_at])
    say(together=[article.total_views for article in Article.objects.order_by("pk")])
    say(most_viewed=[len(Article.most_viewed()), len(Article.most_viewed(days=7))])

    async def in_a_loop() -> list[int]:
        return [warm.total_views, warm.get_views_this_week(), cold.total_views, cold.get_views_this_week()]

    say(in_a_loop=asyncio.run(in_a_loop()))

    hooks: list[str] = []
    with transaction.atomic():
        gone.delete()
        transaction.on_commit(lambda: hooks.append("after"))
    gone = Article.objects.create(title="autocommit")
    gone.delete()
    Comment.objects.create(article=many, text="x")
    say(deleted=Article.objects.filter(title__in=["many"]).delete()[0], hooks=hooks)

    statistics.close()
    statistics.settings_dict["NAME"] = path
    say(left=PageViewStatistics.objects.count())
    tasks.cleanup()
    say(left=PageViewStatistics.objects.count(), total=Article.objects.get(pk=warm.pk).total_views)


if __name__ == "__main__":
    main()
