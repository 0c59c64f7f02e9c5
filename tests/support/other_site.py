"""Other site: a second site on the tests' Redis, with its own database and secret key, and equal refs."""

import json
import os

from tests.settings import *  # noqa: F403
from tests.settings import DATA

SECRET_KEY = os.environ.get("OTHER_SECRET_KEY", "of another site")
SECRET_KEY_FALLBACKS = json.loads(os.environ.get("OTHER_FALLBACKS", "[]"))
OTHER_DATABASE = os.environ.get("OTHER_DATABASE", str(DATA / "other.sqlite3"))
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": OTHER_DATABASE, "OPTIONS": {"timeout": 20}}}


def main() -> None:
    """Count a view of article 1, read its numbers, persist, and delete it; print the result of each step."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.support.other_site"
    import django

    django.setup()
    import asyncio
    import logging

    from django.core.management import call_command

    from djinsight.counting import live_numbers
    from djinsight.counting.recorder import Recorder
    from djinsight.exceptions import DjinsightError, Rejected
    from djinsight.history.persist import persist
    from djinsight.models import PageViewStatistics
    from djinsight.tracked.refs import ObjectRef
    from tests.blog.models import Article
    from tests.support.counted_views import view

    logging.disable(logging.WARNING)
    call_command("migrate", verbosity=0)
    article, _ = Article.objects.get_or_create(pk=1, defaults={"title": "Of the other site"})
    ref = ObjectRef.of(article)

    async def count() -> str:
        recorder = Recorder(lambda snapshots: None)
        try:
            await recorder.record(view(ref, "other", id="other-site-view-1"))
        except Rejected as error:
            return str(error.reason)
        finally:
            await recorder.aclose()
        return "counted"

    said = {"counted": asyncio.run(count()), "page": live_numbers.read([ref])[ref].total_views}
    try:
        said["persisted"] = persist().views
    except DjinsightError as error:
        said["persisted"] = type(error).__name__
    said["rows"] = sum(PageViewStatistics.objects.values_list("total_views", flat=True))
    if os.environ.get("OTHER_DELETES"):
        article.delete()
    print(json.dumps(said))  # noqa: T201


if __name__ == "__main__":
    main()
