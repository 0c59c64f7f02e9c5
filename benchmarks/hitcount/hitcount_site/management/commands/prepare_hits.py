"""``prepare_hits SESSIONS ARTICLES``: create visitors' sessions, and articles with their hit counts."""

from datetime import timedelta

from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.management import BaseCommand
from django.utils import timezone
from hitcount.models import HitCount

from hitcount_site.models import Article


class Command(BaseCommand):
    def add_arguments(self, parser):
        parser.add_argument("sessions", type=int)
        parser.add_argument("articles", type=int)

    def handle(self, *, sessions, articles, **options):
        numbers = range(1, articles + 1)
        Article.objects.bulk_create(Article(pk=n, title=f"Article {n}") for n in numbers)
        of = ContentType.objects.get_for_model(Article)
        HitCount.objects.bulk_create(HitCount(pk=n, content_type=of, object_pk=n) for n in numbers)
        empty, expires = SessionStore().encode({}), timezone.now() + timedelta(days=1)
        Session.objects.bulk_create(
            (Session(session_key=f"{n:0>32}", session_data=empty, expire_date=expires) for n in range(sessions)),
            batch_size=500,
        )
