"""Dead letters: stream entries that could not be stored. They are replayed (stored after all) or dropped."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from djinsight import database, days
from djinsight.conf import conf
from djinsight.counting import loading
from djinsight.history.cursors import lock_cursors
from djinsight.history.parsing import BadEntry, Entry, parse
from djinsight.history.persist import write_views
from djinsight.models import DeadLetter, PageViewLog
from djinsight.tracked.content_types import ids_of
from djinsight.tracked.refs import ObjectRef

Label = tuple[str, str]  # app label and model name


def replay(renamed: Mapping[Label, Label] | None = None) -> Iterator[tuple[int, int]]:
    """Store the letters that can be read by now, each exactly once.

    A batch's views are written and its letters deleted in one transaction. A letter that still cannot be read stays.
    Errors are raised between two batches.

    Args:
        renamed: The old labels of models that were renamed or moved, each with its new label. The counters under the
            old labels are deleted.

    Yields:
        The number of stored letters and the number of examined letters, for each batch.

    Raises:
        redis.RedisError: Redis does not answer.
        CountingUnavailable: The live numbers cannot be loaded.
        django.db.Error: The database fails.
    """
    renamed = renamed or {}
    at = 0
    while True:
        with database.write():
            lock_cursors()
            letters = list(database.rows(DeadLetter).filter(pk__gt=at).order_by("pk")[: conf.batch_size])
            if not letters:
                break
            entries = _read(letters, renamed)
            write_views(list(_new(entries).values()), ids_of({entry.ref for entry in entries.values()}))
            database.rows(DeadLetter).filter(pk__in=entries).delete()
        loading.load(list({entry.ref for entry in entries.values()}))
        at = letters[-1].pk
        yield len(entries), len(letters)
    for label in renamed:
        loading.forget_model(*label)


def drop() -> Iterator[int]:
    """Delete all letters, and yield the number of deleted letters after each batch."""
    while pks := list(database.rows(DeadLetter).order_by("pk").values_list("pk", flat=True)[: conf.batch_size]):
        deleted, _ = database.rows(DeadLetter).filter(pk__in=pks).delete()
        yield deleted


def forget(visitor: str) -> int:
    """Delete the letters that are views of ``visitor``, and return the number of deleted letters."""
    deleted, at = 0, 0
    while letters := list(database.rows(DeadLetter).filter(pk__gt=at).order_by("pk")[: conf.batch_size]):
        at = letters[-1].pk
        read = {letter.pk: _entry(letter) for letter in letters}
        views = {pk: entry.detail for pk, entry in read.items() if isinstance(entry, Entry)}
        theirs = [pk for pk, detail in views.items() if detail and detail.visitor == visitor]
        deleted += database.rows(DeadLetter).filter(pk__in=theirs).delete()[0]
    return deleted


def _read(letters: Sequence[DeadLetter], renamed: Mapping[Label, Label]) -> dict[int, Entry]:
    """Return the letters that are readable views of installed models, by their primary keys."""
    read = {letter.pk: _entry(letter) for letter in letters}
    entries = {pk: _renamed(entry, renamed) for pk, entry in read.items() if isinstance(entry, Entry)}
    types = ids_of({entry.ref for entry in entries.values()})
    return {pk: entry for pk, entry in entries.items() if (entry.ref.app_label, entry.ref.model_name) in types}


def _renamed(entry: Entry, renamed: Mapping[Label, Label]) -> Entry:
    label = renamed.get((entry.ref.app_label, entry.ref.model_name))
    return entry._replace(ref=ObjectRef(*label, entry.ref.pk)) if label else entry


def _entry(letter: DeadLetter) -> Entry | BadEntry | None:
    try:
        fields = json.loads(bytes(letter.payload))
        parts = [text.encode("latin-1") for field in fields.items() for text in field]
    except (ValueError, AttributeError, RecursionError):
        return None
    return parse(letter.entry_id, parts)


def _new(entries: dict[int, Entry]) -> dict[object, Entry]:
    """Return ``entries`` without the views that the log has, by view id.

    A stream that came back with older data may have brought a letter twice.
    """
    by_view = {(entry.detail.view_id if entry.detail else pk): entry for pk, entry in entries.items()}
    if not by_view:
        return {}
    since = days.datetime_of(min(entry.ms for entry in by_view.values()))
    ids = [key for key in by_view if isinstance(key, str)]
    found = set(
        database.rows(PageViewLog).filter(timestamp__gte=since, view_id__in=ids).values_list("view_id", flat=True)
    )
    return {key: entry for key, entry in by_view.items() if key not in found}
