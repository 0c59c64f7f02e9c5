"""Tags: which HTML they render, for which visitors, and with how few queries."""

from __future__ import annotations

import re
from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
import redis
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.db import SessionStore
from django.test import RequestFactory
from django.urls import set_script_prefix
from django.utils import timezone, translation

from djinsight.beacons import tokens
from djinsight.pages import values
from djinsight.pages.finding import OBJECT_NAMES
from djinsight.pages.page import Page
from djinsight.templatetags import djinsight_tags
from djinsight.templatetags.djinsight_tags import register
from djinsight.tracked.refs import ObjectRef
from tests.blog.models import Article, Comment, News, Product, Term
from tests.support import users
from tests.support.rendered_pages import Elements, html, part, render, request, viewed

CRAWLER = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
# Each tag, with the statistics that it shows
STATS = {
    "total_views_stat": ["total_views"],
    "unique_views_stat": ["unique_views"],
    "first_viewed_stat": ["first_viewed_at"],
    "last_viewed_stat": ["last_viewed_at"],
    "views_today_stat": ["views_today"],
    "views_week_stat": ["views_week"],
    "views_month_stat": ["views_month"],
    "live_stats_counter": ["total_views", "unique_views"],
    "page_stats_display": ["total_views", "unique_views", "first_viewed_at", "last_viewed_at"],
    "page_analytics_widget": [*values.ALL],
}
NUMBERS = tuple(STATS)
TAGS = ("page_view_tracker", *NUMBERS)
# The tags under Wagtail's names, which take ``page=``
WAGTAIL = ("wagtail_page_view_tracker", "wagtail_page_stats_display", "wagtail_page_analytics_widget")
HOSTILE = [
    '"><script>alert(1)</script>',
    "' onmouseover='alert(1)",
    "</span><!--",
    "--><img src=x onerror=alert(1)>",
    "{{ debug }}{% debug %}",
    "&quot;&lt;&amp;",
    "é 語 🙂 \u202e",
]

pytestmark = pytest.mark.django_db


@pytest.fixture
def read() -> Article:
    """Return an article with 1,234,567 views."""
    article = Article.objects.create(title="read")
    viewed(article, 1_234_567, 4321)
    return article


# Finding the object


@pytest.mark.parametrize("tag", TAGS)
def test_the_object_of_the_page(tag: str) -> None:
    made = {name: Article.objects.create(title=name) for name in OBJECT_NAMES}
    for name in OBJECT_NAMES:
        assert render(f"{{% {tag} %}}", **made).refs == {f"blog.article:{made[name].pk}"}
        made[name] = None  # type: ignore[assignment]
    assert html(f"{{% {tag} %}}", **made).strip() == ""


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize(
    ("model", "fields"),
    [(Article, {"title": "x"}), (News, {"title": "x", "source": "y"}), (Product, {"name": "x"}), (Term, {"word": "x"})],
)
def test_a_given_object(tag: str, model: Any, fields: dict[str, str]) -> None:
    story = model.objects.create(**fields)
    page = render(f"{{% {tag} obj=story %}}", story=story, article=Article.objects.create(title="another"))
    assert page.refs == {str(ObjectRef.of(story))}


NOTHING: dict[str, tuple[str, Callable[[], dict[str, Any]]]] = {
    "no object": ("", dict),
    "an object without the mixin": ("", lambda: {"article": Comment(pk=5)}),
    "an unsaved object": ("", lambda: {"article": Article()}),
    "a given string": ("obj='article'", lambda: {"article": Article(pk=5)}),
    "a given object without the mixin": ("obj=comment", lambda: {"comment": Comment(pk=5), "article": Article(pk=5)}),
    "a given name that is not there": ("obj=story", lambda: {"article": Article(pk=5)}),
}


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize(("arguments", "context"), NOTHING.values(), ids=NOTHING)
def test_nothing_to_show(
    tag: str, arguments: str, context: Callable[[], dict[str, Any]], django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(0):
        assert html(f"{{% {tag} {arguments} %}}", **context()).strip() == ""


@pytest.mark.parametrize(("arguments", "context"), NOTHING.values(), ids=NOTHING)
def test_debug_says_why(arguments: str, context: Callable[[], dict[str, Any]]) -> None:
    page = render(f"{{% page_view_tracker {arguments} debug=True %}}", **context())
    assert page.found == []
    (comment,) = page.comments
    assert comment.startswith("djinsight: page_view_tracker found no saved object")


# The end of the comment on each case of NOTHING, with DEBUG
SOUGHT = {
    "no object": "looked in the context for page, object, article, post, item, self; none of them is there.",
    "an object without the mixin": "post, item, self; article is a blog.Comment, without the mixin.",
    "an unsaved object": "post, item, self; article is a blog.Article, not saved.",
    "a given string": "was given obj=, which is a string, not an object of a model.",
    "a given object without the mixin": "was given obj=, which is a blog.Comment, without the mixin.",
    "a given name that is not there": "was given obj=, which is empty, as a name is that the context does not have.",
}


@pytest.mark.parametrize("tag", [*TAGS, *WAGTAIL])
@pytest.mark.parametrize("case", NOTHING)
def test_a_developer_reads_what_was_sought(case: str, tag: str, settings: Any, django_assert_num_queries: Any) -> None:
    arguments, context = NOTHING[case]
    sought = SOUGHT[case]
    if tag in WAGTAIL:
        arguments, sought = arguments.replace("obj=", "page="), sought.replace("obj=", "page=")
    settings.DEBUG = True
    with django_assert_num_queries(0):
        page = render(f"{{% {tag} {arguments} %}}", **context())
    assert page.found == []
    (comment,) = page.comments
    assert comment.startswith(f"djinsight: {tag} found no saved object whose model has PageViewStatisticsMixin. It ")
    assert comment.endswith(sought)


def test_a_developer_reads_of_all_that_there_is(settings: Any) -> None:
    settings.DEBUG = True
    context = {"item": [], "object": Term(word="\0"), "page": Comment(pk=5), "post": None}
    (comment,) = render("{% total_views_stat %}", **context).comments
    assert comment.endswith(
        "page is a blog.Comment, without the mixin; object is a blog.Term, whose primary key makes no valid ref; "
        "item is a list, not an object of a model."
    )


@pytest.mark.parametrize("tag", [*TAGS, *WAGTAIL])
def test_an_object_is_all_a_developer_reads_of(tag: str, read: Article, settings: Any) -> None:
    """There is no comment if there is an object, even if it is not counted or not shown."""
    settings.DEBUG = True
    assert render(f"{{% {tag} %}}", article=read).comments == []
    settings.DJINSIGHT_ADMIN_ONLY = True
    settings.DJINSIGHT_ENABLE_TRACKING = False
    assert html(f"{{% {tag} %}}", article=read).strip() == ""


@pytest.mark.parametrize("name", ["x--><script>", "--", "---", "<!--", "-"])
@pytest.mark.parametrize("arguments", ["", "debug=True"])
def test_the_comment_ends_where_it_should(name: str, arguments: str, settings: Any) -> None:
    settings.DEBUG = True
    text = html(f"{{% page_view_tracker obj=it {arguments} %}}", it=type(name, (), {})())
    assert text.count("--") == 2
    (comment,) = Elements(text).comments
    assert comment.endswith("not an object of a model.")
    assert not {"<", ">"} & set(comment)
    assert "&lt;script&gt;" in comment or "script" not in name
    assert "&amp;" not in comment


def test_a_comment_counts_as_nothing(settings: Any) -> None:
    """A template treats the comment of DEBUG as it treats an empty tag."""
    source = "{% live_stats_counter as views %}{% if views %}Seen: {{ views }}{% else %}none{% endif %}"
    for settings.DEBUG in (False, True):
        assert html(source) == "none"


# The tracker


def test_tracker() -> None:
    article = Article.objects.create(title="x")
    (beacon,) = render("{% page_view_tracker %}", article=article).having("data-djinsight-view")
    assert "hidden" in beacon
    assert beacon["data-djinsight-ref"] == f"blog.article:{article.pk}"
    assert tokens.read(str(beacon["data-djinsight-view"]), "view") == ObjectRef.of(article)


def test_tracker_is_the_same_on_every_page_of_a_cache() -> None:
    assert html("{% page_view_tracker %}", article=Article(pk=5)) == html(
        "{% page_view_tracker %}", article=Article(pk=5)
    )


def test_tracking_off(read: Article, settings: Any) -> None:
    settings.DJINSIGHT_ENABLE_TRACKING = False
    assert html("{% page_view_tracker %}", article=read).strip() == ""
    (comment,) = render("{% page_view_tracker debug=True %}", article=read).comments
    assert comment == "djinsight: tracking is off"
    assert render("{% total_views_stat %}", article=read).texts == {"total_views": "1,234,567"}


def test_numbers_make_no_session() -> None:
    session = SessionStore()
    html("{% live_stats_counter %}", request(session=session), article=Article(pk=5))
    assert not session.modified


# Numbers


@pytest.mark.parametrize(
    ("tag", "texts"),
    [
        ("total_views_stat", {"total_views": "1,234,567"}),
        ("unique_views_stat", {"unique_views": "4,321"}),
        ("live_stats_counter", {"total_views": "1,234,567", "unique_views": "4,321"}),
        ("live_stats_counter show_unique=False", {"total_views": "1,234,567"}),
    ],
)
def test_numbers(tag: str, texts: dict[str, str], read: Article) -> None:
    page = render(f"{{% {tag} %}}", article=read)
    assert page.texts == texts
    for element in page.having("data-djinsight-stat"):
        assert element["class"] == "djinsight-stat-value"
    (watched,) = page.having("data-djinsight-watch")
    assert tokens.read(str(watched["data-djinsight-watch"]), "watch") == ObjectRef.of(read)


@pytest.mark.parametrize("tag", NUMBERS)
def test_classes(tag: str, read: Article) -> None:
    classes = {element["class"] for element in render(f"{{% {tag} %}}", article=read).having("class")}
    assert {"djinsight-stat-item", "djinsight-stat-label", "djinsight-stat-value"} <= classes
    assert ("djinsight-live-counter" in classes) is (tag == "live_stats_counter")


@pytest.mark.parametrize(
    ("language", "text"),
    [("en", "1,234,567"), ("cs", "1\xa0234\xa0567"), ("de", "1.234.567"), ("fr", "1\u202f234\u202f567")],
)
def test_numbers_in_the_language_of_the_page(language: str, text: str, read: Article) -> None:
    with translation.override(language):
        page = render("{% live_stats_counter refresh_interval=1500 %}", article=read)
    assert page.texts["total_views"].replace("\u202f", "\xa0") == text.replace("\u202f", "\xa0")
    for element in page.having("data-djinsight-stat"):
        assert element["data-djinsight-refresh"] == "1500"


@pytest.mark.parametrize(
    ("arguments", "refresh"),
    [("", "30"), ("refresh_interval=5", "5"), ("refresh_interval=None", None), ("refresh_interval=0", None)],
)
def test_refresh(arguments: str, refresh: str | None, read: Article) -> None:
    for element in render(f"{{% live_stats_counter {arguments} %}}", article=read).having("data-djinsight-stat"):
        assert element.get("data-djinsight-refresh") == refresh


def test_refresh_of_each_tag_of_a_page(read: Article) -> None:
    source = "".join(f"{{% live_stats_counter refresh_interval={n} show_unique=False %}}" for n in (5, 7, None, 7))
    found = render(source, article=read).having("data-djinsight-stat")
    assert [element.get("data-djinsight-refresh") for element in found] == ["5", "7", None, "7"]


def test_never_viewed() -> None:
    texts = render("{% live_stats_counter %}", article=Article.objects.create(title="x")).texts
    assert texts == {"total_views": "0", "unique_views": "0"}


@pytest.mark.parametrize(
    ("value", "text"),
    [(999, "999"), (1234, "1.2K"), (999_950, "1.0M"), (2e9, "2.0B"), ("<b>", "&lt;b&gt;"), (None, "None")],
)
def test_format_view_count(value: Any, text: str) -> None:
    assert html("{{ value|format_view_count }}", value=value) == text


@pytest.mark.parametrize("tag", NUMBERS)
def test_statistics(tag: str, read: Article) -> None:
    page = render(f"{{% {tag} %}}", part(), article=read)
    shown = [str(element["data-djinsight-stat"]) for element in page.having("data-djinsight-watch")]
    assert shown == STATS[tag]
    for element in page.having("data-djinsight-watch"):
        assert tokens.read(str(element["data-djinsight-watch"]), "watch") == ObjectRef.of(read)


@pytest.mark.parametrize("tag", WAGTAIL)
def test_wagtail(tag: str, read: Article) -> None:
    """They find the page or take ``page=``, and render the elements of the tags without the prefix."""
    plain = tag.removeprefix("wagtail_")
    expected = html(f"{{% {plain} %}}", article=read)
    other = Article.objects.create(title="other")
    assert html(f"{{% {tag} %}}", page=read) == expected
    assert html(f"{{% {tag} page=story %}}", page=other, story=read) == expected
    assert html(f"{{% {tag} %}}").strip() == ""


def test_a_template_of_the_site(read: Article, tmp_path: Path, settings: Any) -> None:
    """A site's template replaces the package's, and can calculate with the number of each object."""
    (tmp_path / "djinsight").mkdir()
    (tmp_path / "djinsight" / "total_views_stat.html").write_text(
        "{% if values.total_views.number > 1000 %}hot{% else %}{{ values.total_views.number|add:1 }}{% endif %};"
    )
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]
    other = Article.objects.create(title="other")
    source = "{% djinsight_script %}|{% for each in all %}{% total_views_stat obj=each %}{% endfor %}"
    assert html(source, all=[read, other, read]).split("|")[1] == "hot;1;hot;"


@pytest.mark.parametrize("tag", TAGS)
def test_a_template_of_the_site_knows_nothing_of_the_script(
    tag: str, read: Article, tmp_path: Path, settings: Any
) -> None:
    (tmp_path / "djinsight").mkdir()
    (tmp_path / "djinsight" / f"{tag}.html").write_text("<b>mine</b>")
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]
    page = render(f"{{% for n in '12' %}}{{% {tag} %}}{{% endfor %}}", request(), article=read)
    assert [name for name, _, _ in page.found] == ["b", "script", "b"]


@pytest.mark.parametrize("name", ["total_views_stat", "value"])
def test_a_template_of_the_site_is_rendered_for_each_page(
    name: str, read: Article, tmp_path: Path, settings: Any
) -> None:
    """A site's template, unlike the package's own, may render something else on the next page."""
    (tmp_path / "djinsight").mkdir()
    own = "{% load tz %}{% get_current_timezone as zone %}<i>{{ zone }}</i>"
    (tmp_path / "djinsight" / f"{name}.html").write_text(own)
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]
    for zone in ("Asia/Tokyo", "America/New_York"):
        with timezone.override(zone):
            assert f"<i>{zone}</i>" in html("{% total_views_stat %}", article=read)


def test_labels_in_the_language_of_each_page(read: Article) -> None:
    for language, label in (("en", "Views"), ("de", "Aufrufe"), ("en", "Views")):
        with translation.override(language):
            assert label in html("{% total_views_stat %}", article=read)


# Permission to see numbers


@pytest.mark.parametrize("tag", NUMBERS)
@pytest.mark.parametrize(("kind", "shown"), [(None, False), *users.KINDS.items()])
def test_admin_only(tag: str, kind: str | None, shown: bool, read: Article, settings: Any) -> None:
    settings.DJINSIGHT_ADMIN_ONLY = True
    page = render(f"{{% {tag} %}}", None if kind is None else request(user=users.make(kind)), article=read)
    assert bool(page.found) is shown
    assert bool(page.texts) is shown


def test_admin_only_counts_everybody(read: Article, settings: Any) -> None:
    settings.DJINSIGHT_ADMIN_ONLY = True
    assert render("{% page_view_tracker %}", request(user=AnonymousUser()), article=read).having("data-djinsight-view")


# The script


@pytest.mark.parametrize("tag", TAGS)
def test_one_script_a_place(tag: str, read: Article) -> None:
    """Each place has a script, as the browser may not run it at the first place. A loop is one place."""
    made = request()
    assert len(render(f"{{% {tag} %}}{{% {tag} %}}", made, article=read).scripts) == 2
    for context in (made, None):
        source = f"{{% for n in '123' %}}{{% {tag} %}}{{% endfor %}}"
        assert len(render(source, context, article=read).scripts) == 1


def test_one_script_for_each_include(read: Article, tmp_path: Path, settings: Any) -> None:
    (tmp_path / "card.html").write_text("{% load djinsight_tags %}{% total_views_stat %}")
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]
    include = "{% include 'card.html' %}"
    assert len(render(include + include, request(), article=read).scripts) == 2
    source = f"{{% for n in '123' %}}{include}{{% endfor %}}"
    assert len(render(source, request(), article=read).scripts) == 1


def test_each_cached_fragment_has_its_script(read: Article) -> None:
    made = request()
    source = "{% load cache %}{% for n in '12' %}{% cache 9 card n %}{% total_views_stat %}{% endcache %}{% endfor %}"
    assert len(render("{% page_view_tracker %}" + source, made, article=read).scripts) == 3
    fragment = source.replace("'12'", "'2'")
    assert len(render(fragment, request(), article=read).scripts) == 1  # read from the cache


def test_a_part_of_a_page_with_a_nonce_brings_no_script(read: Article) -> None:
    """The nonce of the part is not that of the page, so the page's policy would report the script."""
    nonce = {"csp_nonce": "r4nd0m"}
    for headers, expected in (
        ({}, 1),
        ({"sec-fetch-dest": "document"}, 1),
        ({"hx-request": "true"}, 0),
        ({"sec-fetch-dest": "empty"}, 0),
        ({"x-requested-with": "XMLHttpRequest"}, 0),
        ({"sec-fetch-dest": "empty", "turbo-frame": "list", "x-turbo-request-id": "1"}, 0),
        ({"sec-fetch-dest": "empty", "x-turbo-request-id": "1"}, 1),  # Turbo inserts the page's nonce
    ):
        made = RequestFactory().get("/", headers=headers)
        assert len(render("{% total_views_stat %}", made, article=read).scripts) == 1
        made.csp_nonce = nonce["csp_nonce"]  # type: ignore[attr-defined]
        assert len(render("{% total_views_stat %}", made, article=read).scripts) == expected, headers
        assert len(render("{% djinsight_script %}", made, article=read).scripts) == 1


def test_the_tracker_may_stand_in_the_head(read: Article) -> None:
    """The tracker renders only elements that a head may have. Any other element would end the head."""
    page = render("{% page_view_tracker %}", request(), article=read)
    assert [name for name, _, _ in page.found] == ["meta", "script"]


def test_the_tracker_tells_its_page_without_naming_it(read: Article) -> None:
    for path, number in (("/", "47"), ("/articles/1/?page=2", "957617")):
        (tracker,) = render("{% page_view_tracker %}", RequestFactory().get(path), article=read).having(
            "data-djinsight-view"
        )
        assert tracker["data-djinsight-page"] == number
    (tracker,) = render("{% page_view_tracker %}", article=read).having("data-djinsight-view")
    assert "data-djinsight-page" not in tracker


def test_no_script_without_need() -> None:
    assert render("{% page_view_tracker %}{% total_views_stat %}").scripts == []


def test_script_by_hand(read: Article) -> None:
    """The script is at the place of its tag, and no later tag renders another one."""
    page = render("{% djinsight_script %}{% total_views_stat %}{% djinsight_script %}", request(), article=read)
    assert len(page.scripts) == 1
    assert page.found[0][0] == "script"


def test_script_by_hand_on_a_page_without_objects() -> None:
    assert len(render("{% djinsight_script %}", request()).scripts) == 1


def test_script(read: Article) -> None:
    assert render("{% total_views_stat %}", request(), article=read).scripts == [
        {
            "src": "/static/djinsight/djinsight.js",
            "data-djinsight-more": "/static/djinsight/more.js",
            "data-djinsight-socket": "/ws/djinsight/",
            "data-djinsight-http": "/djinsight/",
            "data-djinsight-number": "3:,",
            "data-djinsight-time": Page(None).formats.of_times,
            "data-djinsight-cookie": "djinsight_visitor",
            "async": None,
        }
    ]


def test_script_of_another_site(read: Article, settings: Any) -> None:
    settings.STATIC_URL = "https://cdn.example/s/"
    settings.DJINSIGHT_VISITOR = "session"
    set_script_prefix("/app/")
    try:
        with translation.override("de"):
            (script,) = render("{% page_view_tracker async_load=False debug=True %}", article=read).scripts
    finally:
        set_script_prefix("/")
    months = "~Januar~Februar~März~April~Mai~Juni~Juli~August~September~Oktober~November~Dezember"
    assert script == {
        "src": "https://cdn.example/s/djinsight/djinsight.js",
        "data-djinsight-more": "https://cdn.example/s/djinsight/more.js",
        "data-djinsight-socket": "/app/ws/djinsight/",
        "data-djinsight-http": "/app/djinsight/",
        "data-djinsight-number": "3:.",
        "data-djinsight-time": f"~Europe/Prague~j. F Y H:i{months}",
        "data-djinsight-debug": None,
    }


@pytest.mark.parametrize(("nonce", "said"), [("r4nd0m/+=", "r4nd0m/+="), ('"><script>', '"><script>')])
def test_nonce(nonce: str, said: str, read: Article) -> None:
    (script,) = render("{% total_views_stat %}", request(csp_nonce=nonce), article=read).scripts
    assert script["nonce"] == said


def test_nothing_inline(read: Article) -> None:
    """A strict content security policy holds: there are no inline scripts, handlers or styles."""
    page = render("".join(f"{{% {tag} %}}" for tag in TAGS), request(session=SessionStore()), article=read)
    assert {text.strip() for tag, _, text in page.found if tag in {"script", "style"}} == {""}
    names = {name for _, attributes, _ in page.found for name in attributes}
    assert not {name for name in names if name.startswith("on") or name == "style"}


# Hostile strings


@pytest.mark.parametrize("word", HOSTILE, ids=ascii)
@pytest.mark.parametrize("tag", TAGS)
def test_hostile_primary_key(word: str, tag: str) -> None:
    term = Term.objects.create(word=word)
    plain = render(f"{{% {tag} %}}", item=Term.objects.create(word="plain"))
    page = render(f"{{% {tag} debug=True %}}" if tag == "page_view_tracker" else f"{{% {tag} %}}", item=term)
    assert page.refs == {f"blog.term:{word}"}
    # The key adds no element and no attribute.
    assert [(tag, set(each) - {"data-djinsight-debug"}) for tag, each, _ in page.found] == [
        (tag, set(each)) for tag, each, _ in plain.found
    ]
    for element in page.having("data-djinsight-watch"):
        assert tokens.read(str(element["data-djinsight-watch"]), "watch") == ObjectRef.of(term)
    for element in page.having("data-djinsight-view"):
        assert tokens.read(str(element["data-djinsight-view"]), "view") == ObjectRef.of(term)


# Servers


def test_redis_down(read: Article, settings: Any) -> None:
    settings.DJINSIGHT_REDIS_URL = "redis://127.0.0.1:1/0"
    page = render("{% page_view_tracker %}{% live_stats_counter %}", request(session=SessionStore()), article=read)
    assert page.texts == {"total_views": "1,234,567", "unique_views": "4,321"}
    assert page.having("data-djinsight-view")


def test_redis_down_is_noticed_once(
    read: Article, settings: Any, redis_client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    """One page tries Redis once, and the next pages do not try it for a while."""
    settings.DJINSIGHT_REDIS_URL = "redis://127.0.0.1:1/0"
    for _ in range(3):
        render("{% live_stats_counter %}{% total_views_stat %}", request(), article=read)
    assert len([record for record in caplog.records if record.name == "djinsight.counting"]) == 1


def test_a_page_that_may_be_cached() -> None:
    """The tags read neither the CSRF token nor the user."""
    made = request()
    render("{% live_stats_counter %}", made, article=Article.objects.create(title="x"), articles=[])
    assert "CSRF_COOKIE" not in made.META


# An object that is not saved, and None


UNSAVED: dict[str, Any] = {
    "a UUID by default": lambda: Product(name="x"),
    "a text": lambda: Term(word="new"),
    "a number that somebody chose": lambda: Article(pk=5),
    "a child": lambda: News(id=5),
    "deleted": lambda: deleted(),
}


def deleted() -> Any:
    term = Term.objects.create(word="gone")
    term.delete()
    return term


@pytest.mark.parametrize("make", UNSAVED.values(), ids=UNSAVED)
@pytest.mark.parametrize("name", TAGS)
def test_an_object_that_is_not_saved(name: str, make: Any) -> None:
    """It is not counted even if it has a key: it may never be saved."""
    assert html(f"{{% {name} %}}", object=make()) == html(f"{{% {name} obj=x %}}", x=make()) == ""


def test_it_counts_once_it_is_saved() -> None:
    product = Product(name="x")
    assert not render("{% page_view_tracker %}", object=product).refs
    product.save()
    assert render("{% page_view_tracker %}", object=product).refs == {f"blog.product:{product.pk}"}
    found = Product.objects.get()
    assert render("{% page_view_tracker %}", object=found).refs == {f"blog.product:{product.pk}"}


@pytest.mark.parametrize("given", ["obj=None", "None", "obj=story.author", "obj=missing", "obj=missing.article"])
@pytest.mark.parametrize("name", TAGS)
def test_no_object_is_not_the_pages(name: str, given: str, article: Article) -> None:
    """An empty foreign key shows no numbers: those of the page's object would be wrong."""
    assert html(f"{{% {name} {given} %}}", article=article, story={"author": None}) == ""


@pytest.mark.parametrize("name", WAGTAIL)
@pytest.mark.parametrize("given", ["page=None", "page=missing"])
def test_no_page_is_not_the_pages(name: str, given: str, article: Article) -> None:
    assert html(f"{{% {name} {given} %}}", page=article) == ""


def test_a_developer_reads_of_none(article: Article, settings: Any) -> None:
    settings.DEBUG = True
    (comment,) = render("{% total_views_stat obj=None %}", article=article).comments
    assert comment.endswith("It was given obj=, which is None.")
    (comment,) = render("{% total_views_stat %}", article=Product(name="x")).comments
    assert "article is a blog.Product, not saved" in comment


# Under Wagtail's names


@pytest.mark.parametrize("name", WAGTAIL)
def test_an_alias_has_every_argument_of_its_tag(name: str) -> None:
    def arguments(tag: str) -> dict[str, Any]:
        function: Any = getattr(djinsight_tags, tag)
        return {each.name: each.default for each in signature(function).parameters.values()}

    ours = arguments(name.removeprefix("wagtail_"))
    assert arguments(name) == {"page" if each == "obj" else each: default for each, default in ours.items()}


@pytest.mark.parametrize(
    ("alias", "tag"),
    [
        ('wagtail_page_analytics_widget period="month"', 'page_analytics_widget period="month"'),
        ("wagtail_page_stats_display show_unique=False", "page_stats_display show_unique=False"),
        ("wagtail_page_stats_display refresh_interval=7", "page_stats_display refresh_interval=7"),
        ("wagtail_page_stats_display article False 7", "page_stats_display article False 7"),
        ("wagtail_page_view_tracker async_load=False", "page_view_tracker async_load=False"),
        ("wagtail_page_view_tracker debug=True", "page_view_tracker debug=True"),
    ],
)
def test_an_alias_passes_its_arguments_on(alias: str, tag: str, read: Article) -> None:
    bare = tag.partition(" ")[0]
    made, plain, without = (
        re.sub(r'"[^"]{40,}"', "token", html(f"{{% {each} %}}", request(), article=read)) for each in (alias, tag, bare)
    )
    assert made == plain != without


@pytest.mark.parametrize("name", sorted(register.tags))
def test_the_documentation_of_the_admin_has_each_tag(name: str) -> None:
    assert register.tags[name].__doc__
