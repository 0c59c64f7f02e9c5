"""Object ids: two keys name one object only if all characters are equal, in every database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection

from djinsight.history.persist import persist
from djinsight.models import PageViewStatistics
from djinsight.tracked.refs import ObjectRef
from tests.blog.models import Term
from tests.support.counted_views import count_views

KEYS = [
    "abc",
    "ABC",
    "abc ",
    "ábc",
    "abc\u00a0",
    "straße",
    "strasse",
    "語",
    "🙂",
    "🙃",
    "7",
    "07",
    "a%b_c",
    "a\\b'c\"d",
]


@pytest.fixture
def exact_words(transactional_db: None) -> Iterator[None]:
    """Let keys of terms differ only in case, accents or trailing spaces, as MySQL and MariaDB do not by default."""
    collate = "ALTER TABLE blog_term MODIFY word varchar(50) CHARACTER SET utf8mb4 COLLATE {} NOT NULL"
    if connection.vendor == "mysql":
        with connection.cursor() as cursor:
            cursor.execute(collate.format("utf8mb4_nopad_bin"))
    yield
    Term.objects.all().delete()
    if connection.vendor == "mysql":
        with connection.cursor() as cursor:
            cursor.execute(collate.format("utf8mb4_general_ci"))


def test_keys_that_are_alike(exact_words: None) -> None:
    expected = {}
    for n, word in enumerate(KEYS, 1):
        count_views(ObjectRef.of(Term.objects.create(word=word)), n)
        expected[word] = n
    persist()
    assert dict(PageViewStatistics.objects.values_list("object_id", "total_views")) == expected
    assert dict(Term.objects.values_list("word", "total_views")) == expected
    assert {term.word: term.total_views for term in Term.objects.all()} == expected
    count_views(ObjectRef("blog", "term", "ABC"), 100)
    persist()
    assert Term.objects.filter(total_views=102).get().word == "ABC"


def test_migrations_of_tables_with_rows(transactional_db: None) -> None:
    """They run forwards and backwards with rows in the tables, also with keys that MySQL and MariaDB took for equal."""
    alike = ["abc", "ABC", "abc ", "ábc"]

    def insert(object_ids: list[str]) -> None:
        statistics = connection.ops.quote_name(PageViewStatistics._meta.db_table)
        type_id = ContentType.objects.get_for_model(Term).pk
        columns = "content_type_id, object_id, total_views, unique_views"
        with connection.cursor() as cursor:
            cursor.executemany(
                f"INSERT INTO {statistics} ({columns}) VALUES (%s, %s, %s, 0)",
                [(type_id, object_id, n) for n, object_id in enumerate(object_ids, 1)],
            )

    def stored() -> list[str]:
        return list(PageViewStatistics.objects.order_by("pk").values_list("object_id", flat=True))

    try:
        call_command("migrate", "djinsight", "zero", verbosity=0)
        call_command("migrate", "djinsight", "0001", verbosity=0)
        insert(["abc", "é🙂"])
        call_command("migrate", "djinsight", verbosity=0)
        assert stored() == ["abc", "é🙂"]
        insert(alike[1:])
        for name in ("0002", "0001", "0003"):
            call_command("migrate", "djinsight", name, verbosity=0)
            assert stored() == ["abc", "é🙂", *alike[1:]]
        call_command("migrate", "djinsight", "zero", verbosity=0)
    finally:
        call_command("migrate", verbosity=0)
    assert stored() == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("encoding", ["latin1", "utf8mb3"])
def test_a_table_of_another_encoding(encoding: str) -> None:
    """MySQL's older defaults gave tables such encodings. Other databases have one encoding for all tables."""
    if connection.vendor == "mysql":
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE blog_term MODIFY word varchar(50) CHARACTER SET {encoding} NOT NULL")
    try:
        count_views(ObjectRef.of(Term.objects.create(word="é")), 2)
        persist()
        assert Term.objects.get(total_views=2).word == "é"
    finally:
        if connection.vendor == "mysql":
            Term.objects.all().delete()
            with connection.cursor() as cursor:
                cursor.execute("ALTER TABLE blog_term MODIFY word varchar(50) CHARACTER SET utf8mb4 NOT NULL")
