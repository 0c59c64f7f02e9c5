"""The tests' site with a second database, where a router puts the tables; and what a crash of persist does there."""

import os
import sys

from tests.settings import *  # noqa: F403
from tests.settings import DATA, DATABASES

DATABASES["statistics"] = {**DATABASES["default"], "NAME": DATA / "two-statistics.sqlite3"}
DATABASES["default"] = {**DATABASES["default"], "NAME": DATA / "two-default.sqlite3"}
DATABASE_ROUTERS = ["tests.two_databases.Router"]
THERE = {"djinsight", "contenttypes", "blog"}


class Router:
    def db_for_write(self, model: type, **hints: object) -> str | None:
        return "statistics" if model._meta.app_label in THERE else None  # type: ignore[attr-defined]

    db_for_read = db_for_write

    def allow_migrate(self, db: str, app_label: str, **hints: object) -> bool:
        return (app_label in THERE) == (db == "statistics")


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.two_databases"
    import django

    django.setup()
    from django.core.management import call_command

    for app in ("contenttypes", "blog", "djinsight"):
        call_command("migrate", app, database="statistics", verbosity=0)

    from djinsight.beacons.refs import ObjectRef
    from djinsight.history import log, persist
    from djinsight.models import PageViewLog, PageViewStatistics
    from tests.blog.models import Article
    from tests.counting import count_views

    article = Article.objects.create(title="x")
    count_views(ObjectRef.of(article), 5)
    write = log.write

    def killed(*args: object) -> None:
        write(*args)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    log.write = killed  # type: ignore[assignment]
    try:
        persist.persist()
    except KeyboardInterrupt:
        log.write = write
    persist.persist()
    sys.stdout.write(f"{PageViewLog.objects.count()} {PageViewStatistics.objects.get().total_views}\n")
    article.delete()
    sys.stdout.write(f"{PageViewStatistics.objects.count()}\n")


if __name__ == "__main__":
    main()
