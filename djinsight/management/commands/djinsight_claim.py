"""``python manage.py djinsight_claim``: make the data in Redis belong to this site."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from djinsight.conf import conf
from djinsight.counting import sites
from djinsight.counting.keys import Keys
from djinsight.management.batches import BatchCommand


class Command(BatchCommand):
    """Gives the data sets in Redis this site's mark."""

    help = (
        "Make the data under DJINSIGHT_REDIS_KEY_PREFIX belong to this site, after both its SECRET_KEY and its "
        "database have changed. Another site that still uses the data counts nothing from then on."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")

    def handle(self, *args: Any, **options: Any) -> None:
        shards = range(conf.redis_shards)
        names = ", ".join(Keys(shard).meta for shard in shards)
        self.confirm(f"Take {names} away from the site that has it?", options["yes"])
        for shard in shards:
            sites.adopt(shard)
        self.stdout.write(f"{len(shards)} data set{'s' if len(shards) > 1 else ''} in Redis belong to this site.")
