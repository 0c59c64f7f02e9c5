"""``python manage.py djinsight_claim``: take the data in Redis for this site's own."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from djinsight.conf import conf
from djinsight.counting import sites
from djinsight.counting.keys import Keys
from djinsight.management.batches import BatchCommand


class Command(BatchCommand):
    help = (
        "Take the data under DJINSIGHT_REDIS_KEY_PREFIX for this site's own, after both its SECRET_KEY and its "
        "database have changed. A site that still uses it counts nothing from then on."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        shards = range(conf.redis_shards)
        names = ", ".join(Keys(shard).meta for shard in shards)
        self.confirm(f"Take {names} away from the site that has it?", options["yes"])
        for shard in shards:
            sites.adopt(shard)
        self.stdout.write(f"{len(shards)} data set{'s' if len(shards) > 1 else ''} in Redis belong to this site.")
