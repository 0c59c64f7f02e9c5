"""``python manage.py analyze_redis``: show what djinsight keeps in Redis."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from django.core.management.base import CommandParser
from django.db.models import Model
from django.template.defaultfilters import filesizeformat
from django.utils.translation import override

from djinsight.doctor import inventory
from djinsight.doctor.inventory import Inventory
from djinsight.history import refusal_counts
from djinsight.management.batches import BatchCommand, whole
from djinsight.tracked import objects
from djinsight.tracked.refs import ObjectRef
from djinsight.tracked.rows import rows_of
from djinsight.upgrade.layout import Kind, OlderKey
from djinsight.upgrade.objects import resolve

K = TypeVar("K")

REFUSED_DAYS = 7
MAX_KEYS = 100_000_000


class Command(BatchCommand):
    """Prints the inventory of Redis."""

    help = "Show the keys in Redis by kind with their memory, the pending views, and a line for each object."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--max-keys",
            type=whole(1, MAX_KEYS),
            default=1_000_000,
            help="read at most this many keys (default: 1,000,000)",
        )
        parser.add_argument(
            "--objects",
            type=whole(0, 1_000_000),
            default=100,
            help="show at most this many objects, the most viewed first (default: 100)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        found = inventory.take(options["max_keys"])
        with override("en"):
            self.show_kinds(found)
            self.show_refusals()
            self.show_objects(found, options["objects"])

    def show_kinds(self, found: Inventory) -> None:
        """Print the keys by kind, and the pending views."""
        more = "" if found.complete else " read, and there are more (--max-keys)"
        self.stdout.write(f"{found.keys:,} keys{more}, {_size(sum(kind.bytes for kind in found.kinds.values()))}")
        for label, kind in sorted(found.kinds.items()):
            self.stdout.write(f"{kind.keys:>12,}  {_size(kind.bytes):>10}  {label}")
        self.stdout.write(f"Pending views: {found.pending + found.shed:,}")
        if found.shed:
            self.stdout.write(f"{found.shed:,} of them without detail, because the stream was full.")

    def show_refusals(self) -> None:
        """Print the refusals of the last seven days, including today, by reason."""
        counts: Counter[str] = Counter()
        for _, reason, number in refusal_counts.recent(REFUSED_DAYS):
            counts[reason] += number
        if counts:
            self.stdout.write(f"Refused in {REFUSED_DAYS} days: {sum(counts.values()):,}")
        for name, number in sorted(counts.items(), key=lambda each: (-each[1], each[0])):
            self.stdout.write(f"{number:>12,}  {name}")

    def show_objects(self, found: Inventory, limit: int) -> None:
        """Print the ``limit`` most viewed objects, and as many of the older layout."""
        self.show([(ref, ref.pk, views) for ref, views in _most(found.views, limit)], len(found.views))
        if found.older_views:
            self.stdout.write("In the older layout, which process_pageviews imports:")
            keys = {
                OlderKey(f"{label}:{pk}", Kind.COUNTER, label, pk): views
                for (label, pk), views in found.older_views.items()
            }
            most = _most(keys, limit)
            refs = resolve([key for key, _ in most])
            self.show([(refs.get(key), key.pk, views) for key, views in most], len(keys))

    def show(self, lines: Sequence[tuple[ObjectRef | None, str, int]], total: int) -> None:
        """Print a line for each object, and how many more of ``total`` there are.

        Args:
            lines: The object or None if it is unknown, its primary key, and its views.
            total: The number of all objects.
        """
        titles = _titles([ref for ref, _, _ in lines if ref])
        for ref, pk, views in lines:
            if ref is None:
                named = "unknown model or no such object"
            else:
                title = f'"{titles[ref]}"' if ref in titles else "no such object"
                named = f"{ref.app_label}.{ref.model_name} - {title}"
            self.stdout.write(f"Object ID {pk}: {named} ({views:,} total views)")
        if total > len(lines):
            self.stdout.write(f"{total - len(lines):,} more objects (--objects)")


def _most(views: Mapping[K, int], limit: int) -> list[tuple[K, int]]:
    return sorted(views.items(), key=lambda item: (-item[1], str(item[0])))[:limit]


def _titles(refs: list[ObjectRef]) -> dict[ObjectRef, str]:
    by_key, _ = rows_of(refs)
    return {by_key[key]: _line(obj) for key, obj in objects.fetch(by_key).items()}


def _line(obj: Model) -> str:
    """Return the name of ``obj`` without characters that a terminal would interpret."""
    return "".join(each if each.isprintable() else " " for each in objects.display_name(obj)).strip()


def _size(number: int) -> str:
    return str(filesizeformat(number)).replace("\xa0", " ")
