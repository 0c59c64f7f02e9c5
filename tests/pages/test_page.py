"""Page: which object the tags find, which numbers are read together, and which options the script gets."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import csp.constants
import csp.middleware
import django
import pytest
import redis
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.template import Context
from django.urls import include, path, set_script_prefix
from django.utils import timezone, translation
from django.utils.functional import SimpleLazyObject

from djinsight.beacons import tokens
from djinsight.beacons.ids import COOKIE_NAME
from djinsight.counting import snapshot
from djinsight.exceptions import InvalidToken
from djinsight.pages.finding import OBJECT_NAMES, find_object
from djinsight.pages.page import MAX_TOGETHER, Page
from djinsight.tracked.refs import ObjectRef, ref_of
from djinsight.tracked.registry import is_tracked
from tests.blog.models import Article, Comment, News, Product, Term
from tests.support import users
from tests.support.rendered_pages import Elements, html, read_calls, request

CRAWLER = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"

# A site that includes the HTTP fallback under another path
urlpatterns = [path("deep/down/", include("djinsight.urls"))]


# The object


def test_names() -> None:
    assert OBJECT_NAMES == ("page", "object", "article", "post", "item", "self")


@pytest.mark.parametrize("first", range(len(OBJECT_NAMES)))
def test_names_in_order(first: int) -> None:
    context = {name: Article(pk=n) for n, name in enumerate(OBJECT_NAMES)}
    for name in OBJECT_NAMES[:first]:
        del context[name]
    assert find_object(Context(dict(reversed(context.items())))) == Article(pk=first)


@pytest.mark.parametrize(
    "other",
    [None, "", "article", 5, {}, [], {"pk": 5}, Comment(pk=5), Article, Paginator([Article(pk=7)], 1).page(1)],
    ids=ascii,
)
def test_what_is_passed_over(other: Any) -> None:
    assert find_object(Context({"page": other, "object": other, "post": Article(pk=5)})) == Article(pk=5)
    assert find_object(Context({"page": other})) is None
    assert not is_tracked(other)


def test_another_name() -> None:
    assert find_object(Context({"story": Article(pk=5)})) is None


@pytest.mark.parametrize("obj", [News(id=5), Product(name="x"), Term(word="x"), Article()], ids=repr)
def test_given(obj: Any) -> None:
    assert find_object(Context({"page": Article(pk=7)}), obj) is obj


def test_given_lazily() -> None:
    """A lazy object is found, such as ``request.user`` on a user's own page."""
    lazy = SimpleLazyObject(lambda: Article(pk=5))
    assert find_object(Context({}), lazy) is lazy
    assert str(ref_of(lazy)) == "blog.article:5"
    assert not is_tracked(SimpleLazyObject(lambda: Comment(pk=5)))


@pytest.mark.parametrize("obj", ["", "5", Comment(pk=5), 5], ids=repr)
def test_given_something_else(obj: Any) -> None:
    """A wrong ``obj`` is never replaced with another object of the context."""
    assert find_object(Context({"page": Article(pk=7)}), obj) is None


@pytest.mark.parametrize(
    ("obj", "ref"), [(Article(pk=5), "blog.article:5"), (Article(), None), (Term(word=""), None), (Term("\0"), None)]
)
def test_ref(obj: Any, ref: str | None) -> None:
    found = ref_of(obj)
    assert (None if found is None else str(found)) == ref


# What the tags of a page share


def rendering(**values: Any) -> Context:
    """Return a context in the state in which a tag gets it."""
    context = Context(values)
    context.render_context.push()
    return context


def test_one_page_a_request() -> None:
    one, other = request(), request()
    assert Page.of(rendering(request=one)) is Page.of(rendering(request=one))
    assert Page.of(rendering(request=one)) is not Page.of(rendering(request=other))


def test_one_page_a_render_without_request() -> None:
    one, other = rendering(), rendering()
    assert Page.of(one) is Page.of(one)
    assert Page.of(one) is not Page.of(other)


@pytest.mark.parametrize("request_", ["a text", {"id": 5}, 7], ids=repr)
def test_what_is_called_request_and_is_none(request_: Any) -> None:
    """A mail about a request may have another kind of object under that name."""
    assert Page.of(rendering(request=request_)).request is None


def test_a_context_that_is_rendered_again() -> None:
    """A context that is rendered for another request keeps nothing of the page before."""
    context, shown = Context(), []
    for made in (request(), request(), None, None):
        context["request"] = made
        with context.render_context.push():
            shown.append(Page.of(context))
    assert len(set(map(id, shown))) == 4
    assert [page.request for page in shown] == [shown[0].request, shown[1].request, None, None]


# Reading


class Reads:
    """Counts round trips to Redis that read counters."""

    def __init__(self, client: redis.Redis) -> None:
        self.client = client

    def since(self) -> int:
        """Return the number of round trips since the last call."""
        calls = read_calls(self.client)
        self.client.config_resetstat()
        return calls


@pytest.fixture
def reads(redis_client: redis.Redis) -> Reads:
    return Reads(redis_client)


@pytest.fixture
def articles(db: None) -> list[Article]:
    """Return articles whose counters are in Redis."""
    made = Article.objects.bulk_create([Article(title=str(n)) for n in range(5)])
    Page(None).load(map(ObjectRef.of, made))
    assert None not in snapshot.read(map(ObjectRef.of, made)).values()
    return made


def evaluated(collection: Any) -> Any:
    list(collection)
    return collection


TOGETHER = {
    "a list": lambda articles: articles,
    "a tuple": tuple,
    "a list of anything": lambda articles: [None, "x", Article(), Comment(), *articles],
    "a queryset": lambda articles: evaluated(Article.objects.all()),
    "a page of a list": lambda articles: Paginator(articles, 10).page(1),
    "a page of a queryset": lambda articles: evaluated(Paginator(Article.objects.order_by("pk"), 10).page(1)),
}


@pytest.mark.parametrize("collection", TOGETHER.values(), ids=TOGETHER)
def test_read_together(collection: Any, articles: list[Article], reads: Reads, django_assert_num_queries: Any) -> None:
    context = Context({"title": "x", "none": None, "everything": collection(articles)})
    context.push(article=articles[0])
    page = Page(None)
    reads.since()
    with django_assert_num_queries(0):
        for article in articles:
            assert page.snapshot(ObjectRef.of(article), context).total_views == 0
    assert reads.since() == 1


APART = {
    "no collection": lambda articles: None,
    "a collection without it": lambda articles: articles[1:],
    "a queryset that is not evaluated": lambda articles: Article.objects.all(),
    "a page that is not evaluated": lambda articles: Paginator(Article.objects.order_by("pk"), 10).get_page(1),
    "a generator": iter,
    "a dict": lambda articles: dict(enumerate(articles)),
    "too far down": lambda articles: [*[Article()] * MAX_TOGETHER, *articles],
}


@pytest.mark.parametrize("collection", APART.values(), ids=APART)
def test_read_apart(collection: Any, articles: list[Article], reads: Reads, django_assert_num_queries: Any) -> None:
    """No queryset is evaluated to find neighbours."""
    context, page = Context({"everything": collection(articles)}), Page(None)
    reads.since()
    with django_assert_num_queries(0):
        for _ in range(2):
            page.snapshot(ObjectRef.of(articles[0]), context)
        assert set(page._read) == {ObjectRef.of(articles[0])}
        page.snapshot(ObjectRef.of(articles[1]), context)
    assert reads.since() == 2


def test_what_is_lazy_stays_so(articles: list[Article]) -> None:
    """Evaluating ``user`` would cost two queries, ``csrf_token`` a cookie on a page that may be cached."""
    looked: list[str] = []
    context = Context({"user": SimpleLazyObject(lambda: looked.append("user")), "articles": articles})
    Page(None).snapshot(ObjectRef.of(articles[0]), context)
    assert looked == []


def test_read_by_hand(articles: list[Article], reads: Reads) -> None:
    page, refs = Page(None), [ObjectRef.of(article) for article in articles]
    reads.since()
    page.load(refs[:3])
    page.load(refs)
    page.load(refs)
    for ref in refs:
        page.snapshot(ref, Context())
    assert reads.since() == 2


# Permission to see numbers


@pytest.mark.parametrize(("kind", "sees"), users.KINDS.items(), ids=users.KINDS)
@pytest.mark.parametrize("admin_only", [True, False])
def test_who_sees_numbers(kind: str, sees: bool, admin_only: bool, db: None, settings: Any) -> None:
    settings.DJINSIGHT_ADMIN_ONLY = admin_only
    assert Page(request(user=users.make(kind))).shows_statistics is (sees or not admin_only)


@pytest.mark.parametrize("user", [None, SimpleNamespace(is_active=True, is_staff=True)], ids=["none", "another model"])
def test_no_user_and_one_without_permissions_see_none(user: Any, settings: Any) -> None:
    settings.DJINSIGHT_ADMIN_ONLY = True
    assert Page(request() if user is None else request(user=user)).shows_statistics is False


def test_who_sees_numbers_without_request(settings: Any) -> None:
    assert Page(None).shows_statistics is True
    settings.DJINSIGHT_ADMIN_ONLY = True
    assert Page(None).shows_statistics is False


def test_the_token_of_staff_expires(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ref = ObjectRef("blog", "article", "5")
    for_all = Page(None).watch_token(ref)
    now = tokens.time.time()
    monkeypatch.setattr(tokens.time, "time", lambda: now + 86_400)
    assert tokens.read(for_all, "watch") == ref
    settings.DJINSIGHT_ADMIN_ONLY = True
    monkeypatch.setattr(tokens.time, "time", lambda: now)
    for_staff = Page(None).watch_token(ref)
    assert tokens.read(for_staff, "watch") == ref
    monkeypatch.setattr(tokens.time, "time", lambda: now + 86_400)
    with pytest.raises(InvalidToken):
        tokens.read(for_staff, "watch")


# The script


def test_script() -> None:
    page = Page(request())
    assert not page.has_script
    assert page.script() == {
        "async_load": True,
        "debug": False,
        "socket": "/ws/djinsight/",
        "http": "/djinsight/",
        "number": "3:,",
        "time": page.formats.of_times,
        "cookie": COOKIE_NAME,
        "respect_dnt": False,
        "nonce": "",
    }
    assert page.has_script


def test_script_options() -> None:
    told = Page(None).script(async_load=False, debug=True)
    assert (told["async_load"], told["debug"]) == (False, True)


def test_script_of_a_site_under_a_prefix() -> None:
    set_script_prefix("/app/")
    try:
        told = Page(None).script()
    finally:
        set_script_prefix("/")
    assert (told["socket"], told["http"]) == ("/app/ws/djinsight/", "/app/djinsight/")


@pytest.mark.parametrize(("urls", "http"), [(__name__, "/deep/down/"), ("djinsight.urls", "")])
def test_script_and_the_http_fallback(urls: str, http: str, settings: Any) -> None:
    """The script gets the path under which the fallback is included, or none if it is not included."""
    settings.ROOT_URLCONF = urls
    assert Page(None).script()["http"] == http


def test_script_speaks_the_language_of_the_page() -> None:
    with translation.override("pt-br"), timezone.override("Asia/Tokyo"):
        told = Page(None).script()
    assert (told["number"], told["time"].split("~")[1]) == ("3:.", "Asia/Tokyo")
    with translation.override(None):
        assert Page(None).script()["number"] == ":,"


def test_formats_of_a_part_of_the_page() -> None:
    """Each language and zone has formats of its own, which a second part in that language and zone uses, too."""
    page = Page(None)
    outer = page.formats
    with translation.override("de"):
        with timezone.override("Asia/Tokyo"):
            inner = page.formats
        assert len({outer, inner, page.formats}) == 3
    assert page.formats is outer
    assert [each.number(1234) for each in (outer, inner)] == ["1,234", "1.234"]


@pytest.mark.parametrize(("visitor", "cookie"), [("session", ""), ("anonymous", ""), ("cookie", COOKIE_NAME)])
def test_script_sets_the_cookie_where_it_is_wanted(visitor: str, cookie: str, settings: Any) -> None:
    settings.DJINSIGHT_VISITOR = visitor
    assert Page(None).script()["cookie"] == cookie


def test_script_with_a_nonce() -> None:
    assert Page(request(csp_nonce="n0nce")).script()["nonce"] == "n0nce"


def _policy_of_django(settings: Any) -> Any:
    from django.middleware import csp as middleware

    settings.SECURE_CSP = {"script-src": [middleware.CSP.NONCE, middleware.CSP.STRICT_DYNAMIC]}
    return middleware.ContentSecurityPolicyMiddleware


def _policy_of_django_csp(settings: Any) -> Any:
    settings.CONTENT_SECURITY_POLICY = {"DIRECTIVES": {"script-src": [csp.constants.NONCE, "'strict-dynamic'"]}}
    return csp.middleware.CSPMiddleware


# Django has a nonce of its own since 6.0.
POLICIES = [_policy_of_django_csp, *([_policy_of_django] if django.VERSION >= (6,) else [])]


@pytest.mark.parametrize("policy", POLICIES)
def test_script_under_a_content_security_policy(policy: Any, settings: Any) -> None:
    """The nonce is made when it is first read. The script reads it, and the header has the same nonce."""

    def view(made: HttpRequest) -> HttpResponse:
        return HttpResponse(html("{% djinsight_script %}", made))

    answer = policy(settings)(view)(request())
    (script,) = Elements(answer.content.decode()).scripts
    nonce = script["nonce"]
    assert f"'nonce-{nonce}'" in answer.headers["content-security-policy"]
