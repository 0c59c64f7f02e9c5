"""``persist_older VIEWS OBJECTS``: count views with the older provider, and print how many it persists a second."""

import json
import time
import uuid

from django.core.management import BaseCommand
from django.db import connection
from djinsight.providers.redis import RedisProvider

from djinsight.models import PageViewEvent, PageViewStatistics
from djinsight.tasks import process_page_views

BROWSER = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
)


class Command(BaseCommand):
    def add_arguments(self, parser):
        parser.add_argument("views", type=int)
        parser.add_argument("objects", type=int)
        parser.add_argument("--memory", action="store_true", help="print the bytes of a pending view and of a pair")

    def handle(self, *, views, objects, memory, **options):
        provider = RedisProvider()
        provider.client.flushdb()
        PageViewEvent.objects.all().delete()
        PageViewStatistics.objects.all().delete()
        for start in range(0, views, 1000):
            pipe = provider.client.pipeline(transaction=False)
            for n in range(start, min(start + 1000, views)):
                view_id = str(uuid.uuid4())
                event = {
                    "view_id": view_id,
                    "content_type": "older_site.article",
                    "object_id": n % objects + 1,
                    "url": f"/articles/a-title-of-usual-length-{n % objects + 1}/",
                    "session_key": f"{n // 10:0>32}",
                    "ip_address": "192.0.2.7",
                    "user_agent": BROWSER,
                    "referrer": "https://www.google.com/",
                    "timestamp": int(time.time()),
                    "is_unique": True,
                }
                pipe.setex(f"{provider.key_prefix}:{view_id}", 604800, json.dumps(event))
                if memory:
                    name = f"session:{n // 10:0>32}:page:older_site.article:{n % objects + 1}"
                    pipe.setex(f"{provider.key_prefix}:{name}", 604800, 1)
            pipe.execute()
        if memory:
            return self.measure(provider, views)
        connection.ensure_connection()
        began = time.perf_counter()
        done = process_page_views(max_records=views)
        took = time.perf_counter() - began
        if done != views or PageViewEvent.objects.count() != views:
            raise RuntimeError(f"expected {views} views but {done} are persisted")
        return str(views / took)

    def measure(self, provider, views):
        def used():
            return provider.client.info("memory")["used_memory"]

        both = used()
        for key in list(provider.client.scan_iter(f"{provider.key_prefix}:session:*", count=10_000)):
            provider.client.delete(key)
        left = used()
        provider.client.flushdb()
        return f"{(left - used()) / views} {(both - left) / views}"
