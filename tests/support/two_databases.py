"""Two databases: a crash of persist, and the admin, on a site whose router puts djinsight into a second database."""

import os
import sys

from tests.settings import *  # noqa: F403
from tests.settings import DATA, DATABASES

DATABASES["statistics"] = {**DATABASES["default"], "NAME": DATA / "two-statistics.sqlite3"}
DATABASES["default"] = {**DATABASES["default"], "NAME": DATA / "two-default.sqlite3"}
DATABASE_ROUTERS = ["tests.support.two_databases.Router"]


class Router:
    def db_for_write(self, model: type, **hints: object) -> str | None:
        return "statistics" if model._meta.app_label == "djinsight" else None  # type: ignore[attr-defined]

    db_for_read = db_for_write

    def allow_migrate(self, db: str, app_label: str, **hints: object) -> bool:
        """Migrate content types in both databases, as the rows of each refer to its own."""
        return app_label == "contenttypes" or (app_label == "djinsight") == (db == "statistics")


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.support.two_databases"
    import django

    django.setup()
    from django.core.management import call_command

    for alias in ("default", "statistics"):
        call_command("migrate", database=alias, verbosity=0)

    from django.contrib.auth.models import User
    from django.contrib.contenttypes.models import ContentType
    from django.db import OperationalError, connections
    from django.test import Client
    from django.test.utils import setup_test_environment

    from djinsight.history import log, persist
    from djinsight.models import PageViewLog, PageViewStatistics
    from djinsight.tracked import objects
    from djinsight.tracked.refs import ObjectRef
    from tests.blog.models import Article
    from tests.support.counted_views import count_views

    # The ids of content types differ if the two databases were migrated in another order.
    ContentType.objects.using("statistics").filter(model="article").update(id=999)
    ContentType.objects.clear_cache()
    article = Article.objects.create(title="Findable")
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
    setup_test_environment()
    admin = Client()
    admin.force_login(User.objects.create_superuser("admin"))
    for query in ("", "?model=blog.article", "?model=blog.product", "?q=Findable", "?q=Missing"):
        page = admin.get(f"/admin/djinsight/pageviewstatistics/{query}")
        sys.stdout.write(f"{query} {page.context['cl'].result_count}\n")
    article.delete()
    sys.stdout.write(f"{PageViewStatistics.objects.count()}\n")
    ref = ObjectRef.of(Article.objects.create(title="x"))
    count_views(ref, 2)
    connections["default"].close()
    connections["default"].settings_dict["NAME"] = "/nowhere/db.sqlite3"
    persist.persist()
    sys.stdout.write(f"{PageViewStatistics.objects.get().total_views}\n")
    try:
        objects.missing([ref])
    except OperationalError:
        sys.stdout.write("not known\n")


if __name__ == "__main__":
    main()
