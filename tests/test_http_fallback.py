"""HTTP fallback: ``HTTPFallback`` answers as Django's handler with our views does, and passes everything else on."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest
import redis
from asgiref.sync import sync_to_async
from django.conf.urls.i18n import i18n_patterns
from django.core.asgi import get_asgi_application
from django.http import HttpResponse
from django.urls import clear_url_caches, include, path, re_path
from django.utils.http import parse_http_date

from djinsight import http_fallback
from djinsight.beacons import ids, tokens
from djinsight.beacons.beacon import MAX_FRAME, MAX_TOKENS
from djinsight.counting import connections, refusals
from djinsight.exceptions import Reason
from djinsight.live import answers, hub
from djinsight.live.answers import MAX_BODY
from djinsight.routing import HTTPFallback
from djinsight.testing import capture_views
from djinsight.tracked.refs import ObjectRef
from tests.support import processes
from tests.support.asgi_client import Exchange, ask, unexpected
from tests.support.sockets import BROWSER, WITHIN, view_id

VIEW, STATS = "/djinsight/record-view/", "/djinsight/page-stats/"
CRAWLER = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
REF = ObjectRef("blog", "article", "10000001")  # a key that no article of a long test run reaches
OURS = path("djinsight/", include("djinsight.urls"))


@pytest.fixture(autouse=True)
async def closing(transactional_db: None) -> AsyncIterator[None]:
    yield
    await hub.aclose()
    await connections.aclose()
    answers.forget()


def frame(**fields: Any) -> bytes:
    return json.dumps({"type": "view", "id": view_id(), "token": tokens.mint("view", REF), **fields}).encode()


def asking(*scopes: str, **more: Any) -> bytes:
    return json.dumps({"tokens": [tokens.mint(scope, REF, **more) for scope in scopes]}).encode()


# Requests to both


@dataclass(frozen=True)
class Case:
    """One request, and the status of its answer."""

    status: int
    body: Callable[[], bytes] | bytes = frame
    path: str = VIEW
    headers: dict[str, str | None] = field(default_factory=dict)  # besides those of a browser; None removes one
    settings: dict[str, Any] = field(default_factory=dict)
    method: str = "POST"
    scope: dict[str, Any] = field(default_factory=dict)
    before: int = 0  # equal requests before this one
    passed_on: bool = False  # Django answers in any case


TLS = {"origin": "https://testserver"}
PROXY = {"SECURE_PROXY_SSL_HEADER": ("HTTP_X_FORWARDED_PROTO", "https")}
CASES = {
    "a new visitor": Case(200),
    "a known visitor": Case(200, headers={"cookie": f"djinsight_visitor={ids.sign('a' * 22)}; csrftoken=b"}),
    "a visitor with a session": Case(200, headers={"cookie": "sessionid=0123456789abcdef"}),
    "another cookie": Case(200, headers={"cookie": "djinsight_visitor=forged; a=b"}),
    "a browser that keeps no cookies": Case(200, path=f"{VIEW}?keep=0"),
    "with sessions": Case(200, settings={"DJINSIGHT_VISITOR": "session"}, headers={"cookie": "sessionid=0123"}),
    "without cookies": Case(200, settings={"DJINSIGHT_VISITOR": "anonymous"}),
    "without consent": Case(200, settings={"DJINSIGHT_CONSENT_COOKIE": "consent=statistics"}),
    "a retry": Case(200, before=1),
    "a beacon": Case(200, headers={"content-type": "text/plain;charset=UTF-8"}),
    "TLS at the server": Case(200, headers=TLS, scope={"scheme": "https"}),
    "TLS at a proxy": Case(200, headers={**TLS, "x-forwarded-proto": "https"}, settings=PROXY),
    "TLS at a proxy that is not trusted": Case(403, headers={**TLS, "x-forwarded-proto": "https"}),
    "no TLS by a proxy": Case(403, headers={**TLS, "x-forwarded-proto": "http"}, settings=PROXY),
    "a redirect to TLS": Case(301, settings={"SECURE_SSL_REDIRECT": True}, passed_on=True),
    "no redirect with TLS": Case(200, headers=TLS, scope={"scheme": "https"}, settings={"SECURE_SSL_REDIRECT": True}),
    "no redirect with TLS at a proxy": Case(
        200, headers={**TLS, "x-forwarded-proto": "https"}, settings={**PROXY, "SECURE_SSL_REDIRECT": True}
    ),
    "another origin": Case(403, headers={"origin": "https://evil.example"}),
    "no origin": Case(403, headers={"origin": None}),
    "no origin, but the browser vouches": Case(200, headers={"origin": None, "sec-fetch-site": "same-origin"}),
    "a trusted origin": Case(
        200, headers={"origin": "https://shop.example"}, settings={"CSRF_TRUSTED_ORIGINS": ["https://shop.example"]}
    ),
    "a host that is not allowed": Case(403, headers={"host": "evil.example", "origin": "http://evil.example"}),
    "no host": Case(200, headers={"host": None}),
    "a host by a proxy": Case(
        200,
        headers={"host": "inner", "x-forwarded-host": "testserver"},
        settings={"USE_X_FORWARDED_HOST": True},
    ),
    "an address by a proxy": Case(
        200, headers={"x-forwarded-for": "192.0.2.1"}, settings={"DJINSIGHT_TRUSTED_PROXIES": ["127.0.0.1"]}
    ),
    "a Unix socket": Case(200, scope={"client": None, "server": None}),
    "DNT": Case(403, headers={"dnt": "1"}, settings={"DJINSIGHT_RESPECT_DNT": True}),
    "GPC": Case(403, headers={"sec-gpc": "1"}, settings={"DJINSIGHT_RESPECT_DNT": True}),
    "a crawler": Case(403, headers={"user-agent": CRAWLER}),
    "no user agent": Case(403, headers={"user-agent": None}),
    "tracking is off": Case(403, settings={"DJINSIGHT_ENABLE_TRACKING": False}),
    "tests of a site": Case(503, settings={"DJINSIGHT_TESTING": True}),
    "no Redis": Case(503, settings={"DJINSIGHT_REDIS_URL": "redis://127.0.0.1:1/0"}),
    "too many of a network": Case(429, before=2, settings={"DJINSIGHT_RATE_ADDRESS": 1}),
    "a forged token": Case(403, lambda: frame(token="view::blog.article:5:forged")),
    "an expired token": Case(403, lambda: frame(token=tokens.mint("view", REF, -1))),
    "a token for something else": Case(403, lambda: frame(token=tokens.mint("watch", REF))),
    "a bad id": Case(400, lambda: frame(id="x")),
    "a bad URL": Case(400, lambda: frame(url="/\0")),
    "no body": Case(400, b""),
    "no JSON": Case(400, b"{"),
    "no UTF-8": Case(400, b"\xff"),
    "a large body": Case(413, b"x" * (MAX_FRAME + 1)),
    "a large body without a length": Case(413, b"x" * (MAX_FRAME + 1), headers={"content-length": None}),
    "a length of a large body": Case(413, headers={"content-length": str(MAX_FRAME + 1)}),
    "a length that is no number": Case(400, headers={"content-length": "ten"}),
    "a negative length": Case(200, headers={"content-length": "-1"}),
    "numbers": Case(200, lambda: asking("watch"), STATS),
    "numbers for a crawler": Case(200, lambda: asking("watch"), STATS, headers={"user-agent": CRAWLER}),
    "no numbers": Case(200, b'{"tokens": []}', STATS),
    "numbers for some tokens": Case(200, lambda: asking("watch", "view"), STATS),
    "numbers for an expired token": Case(200, lambda: asking("watch", max_age=-1), STATS),
    "numbers for no tokens": Case(400, b"{}", STATS),
    "numbers for too many": Case(400, json.dumps({"tokens": ["x"] * (MAX_TOKENS + 1)}).encode(), STATS),
    "a large list": Case(413, b"x" * (MAX_BODY + 1), STATS),
    "numbers without Redis": Case(
        503, lambda: asking("watch"), STATS, settings={"DJINSIGHT_REDIS_URL": "redis://127.0.0.1:1/0"}
    ),
    "numbers for another origin": Case(403, lambda: asking("watch"), STATS, headers={"origin": "null"}),
    "too many numbers of a network": Case(
        429, lambda: asking("watch"), STATS, before=2, settings={"DJINSIGHT_RATE_STATS": 1}
    ),
    "too many numbers": Case(429, lambda: asking("watch"), STATS, before=2, settings={"DJINSIGHT_RATE_STATS_SITE": 1}),
    "an escaped path": Case(200, path="/dj%69nsight/record%2Dview/"),
    "a script name of the server": Case(200, path=f"/app{VIEW}", scope={"root_path": "/app"}),
    "a script name that the path lacks": Case(200, scope={"root_path": "/app"}),
    "a script name of the settings": Case(200, path=f"/app{VIEW}", settings={"FORCE_SCRIPT_NAME": "/app"}),
    "two script names": Case(
        200, path=f"/app{VIEW}", scope={"root_path": "/other"}, settings={"FORCE_SCRIPT_NAME": "/app"}
    ),
    "no script name": Case(404, path=f"/app{VIEW}", passed_on=True),
    "a script name with a slash": Case(404, path=f"/app{VIEW}", scope={"root_path": "/app/"}, passed_on=True),
    "another path": Case(404, path="/djinsight/", passed_on=True),
    "a path without its slash": Case(404, path=VIEW.rstrip("/"), passed_on=True),
    "a path in upper case": Case(404, path=VIEW.upper(), passed_on=True),
    "two slashes": Case(404, path=f"/{VIEW}", passed_on=True),
    **{
        f"{method} of {url}": Case(405, b"", url, method=method, passed_on=True)
        for url in (VIEW, STATS)
        for method in ("GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE")
    },
}


def headers_of(case: Case, body: bytes) -> list[tuple[bytes, bytes]]:
    browser = {"host": "testserver", "origin": "http://testserver", "user-agent": BROWSER}
    sent = {**browser, "content-length": str(len(body)), **case.headers}
    return [(name.encode(), value.encode()) for name, value in sent.items() if value is not None]


async def send(application: Any, case: Case) -> Exchange:
    body = case.body() if callable(case.body) else case.body
    for _ in range(case.before + 1):
        done = await ask(application, case.path, headers_of(case, body), [body], method=case.method, **case.scope)
    await hub.aclose()
    answers.forget()
    return done


def told(done: Exchange) -> tuple[int, dict[str, str], bytes]:
    """Return the answer without its times and without the length, which Django leaves to its middleware."""
    headers = {name: re.sub(r"expires=[^;]+", "expires", value) for name, value in done.headers}
    for name in ("content-length", "expires"):
        headers.pop(name, None)
    return done.status, headers, done.body


def expiry(done: Exchange) -> list[int]:
    """Return the times in the headers, in Unix seconds."""
    cookie = re.search(r"expires=([^;]+)", done.header("set-cookie") or "")
    return [parse_http_date(text) for text in (done.header("expires"), cookie and cookie[1]) if text]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_as_django_answers(case: Case, settings: Any, redis_client: redis.Redis) -> None:
    settings.MIDDLEWARE = ["django.middleware.security.SecurityMiddleware"]
    # No headers of the middleware, as it does not run before Django.
    settings.SECURE_CONTENT_TYPE_NOSNIFF = False
    settings.SECURE_REFERRER_POLICY = settings.SECURE_CROSS_ORIGIN_OPENER_POLICY = None
    for name, value in case.settings.items():
        setattr(settings, name, value)
    django = get_asgi_application()
    by_django = await send(django, case)
    await sync_to_async(redis_client.flushall)()
    passed: list[str] = []

    async def passing(scope: dict[str, Any], receive: Any, send: Any) -> None:
        passed.append(scope["path"])
        await django(scope, receive, send)

    before_django = await send(HTTPFallback(passing), case)
    assert before_django.status == case.status
    assert told(before_django) == told(by_django)
    assert [abs(ours - its) < 60 for ours, its in zip(expiry(before_django), expiry(by_django), strict=True)] == [
        True for _ in expiry(by_django)
    ]
    assert bool(passed) is case.passed_on
    if not case.passed_on:
        assert before_django.header("content-length") == str(len(before_django.body))


async def test_refusals_are_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[Reason] = []
    monkeypatch.setattr(refusals, "count", counted.append)
    for name in ("another origin", "a crawler", "no JSON", "numbers for some tokens"):
        await send(HTTPFallback(unexpected), CASES[name])
    assert counted == [Reason.ORIGIN, Reason.BOT, Reason.MALFORMED, Reason.SCOPE]


async def test_captured() -> None:
    with capture_views() as captured:
        assert (await send(HTTPFallback(unexpected), CASES["a new visitor"])).status == 200
    assert [each.ref for each in captured] == [str(REF)]


@pytest.mark.parametrize("kind", ["websocket", "lifespan", "http.extension"])
async def test_another_scope_is_passed_on(kind: str) -> None:
    got: list[Any] = []

    async def application(*given: Any) -> None:
        got.extend(given)

    given = {"type": kind, "path": VIEW}, object(), object()
    await HTTPFallback(application)(*given)  # type: ignore[arg-type]
    assert [a is b for a, b in zip(got, given, strict=True)] == [True] * 3


# URLs


def other(request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
    return HttpResponse("something else")


def decorated() -> Any:
    """An include of our URLs whose views the site has decorated."""
    from djinsight import urls

    def refusing(view: Any) -> Any:
        async def decorated(request: Any) -> HttpResponse:
            return HttpResponse("refused", status=403)

        return decorated

    own = [path(str(each.pattern), refusing(each.callback), name=each.name) for each in urls.urlpatterns]
    return path("djinsight/", include((own, "djinsight")))


URLS: dict[str, tuple[Callable[[], list[Any]], str, int | None]] = {
    "a prefix": (lambda: [path("stats/of/", include("djinsight.urls"))], "/stats/of/record-view/", 200),
    "no prefix": (lambda: [path("", include("djinsight.urls"))], "/record-view/", 200),
    "letters that a URL escapes": (
        lambda: [path("počet/", include("djinsight.urls"))],
        "/po%C4%8Det/record-view/",
        200,
    ),
    "another name space": (lambda: [path("s/", include("djinsight.urls", namespace="s"))], "/s/record-view/", 200),
    "not included": (lambda: [path("", other)], VIEW, None),
    "swallowed": (lambda: [re_path("^.*$", other), OURS], VIEW, None),
    "before a pattern that takes everything": (lambda: [OURS, re_path("^.*$", other)], VIEW, 200),
    "decorated by the site": (lambda: [decorated()], VIEW, None),
    "the site's language": (lambda: i18n_patterns(OURS), f"/en{VIEW}", 200),
    "another language": (lambda: i18n_patterns(OURS), f"/de{VIEW}", None),
    "no language": (lambda: i18n_patterns(OURS, prefix_default_language=False), VIEW, 200),
}


@pytest.fixture
def use_urls(settings: Any) -> Iterator[Callable[[list[Any]], None]]:
    """Return a function that makes these patterns the site's urlconf."""

    def use(patterns: list[Any]) -> None:
        module = ModuleType("site_urls")
        module.urlpatterns = patterns  # type: ignore[attr-defined]
        settings.ROOT_URLCONF = module

    yield use
    clear_url_caches()


async def status(application: Any, url: str) -> int | None:
    """Return the status of the answer to a view, None if ``HTTPFallback`` passes it on."""
    try:
        return (await send(application, Case(200, path=url))).status
    except AssertionError:
        return None


@pytest.mark.parametrize(("patterns", "url", "expected"), URLS.values(), ids=URLS)
async def test_urls(patterns: Any, url: str, expected: int | None, use_urls: Callable[..., None]) -> None:
    use_urls(patterns())
    assert await status(HTTPFallback(unexpected), url) == expected


async def test_the_urls_change(use_urls: Callable[..., None], settings: Any) -> None:
    application = HTTPFallback(unexpected)
    assert await status(application, VIEW) == 200
    use_urls([path("s/", include("djinsight.urls"))])
    assert (await status(application, VIEW), await status(application, "/s/record-view/")) == (None, 200)
    settings.ROOT_URLCONF.urlpatterns.insert(0, re_path("^.*$", other))
    clear_url_caches()
    assert await status(application, "/s/record-view/") is None


async def test_urls_that_cannot_be_imported(settings: Any) -> None:
    """Django says so."""
    settings.ROOT_URLCONF = "no.such.module"
    application = HTTPFallback(unexpected)
    assert await status(application, VIEW) is None
    settings.ROOT_URLCONF = "tests.urls"
    assert await status(application, VIEW) == 200


async def test_nothing_is_resolved_for_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    application = HTTPFallback(unexpected)
    assert await status(application, VIEW) == 200
    monkeypatch.setattr(http_fallback.fallback, "views", lambda: pytest.fail("expected no resolving"))
    assert await status(application, VIEW) == 200


# Bodies

PARTS = {
    "in two": lambda: [frame()[:20], frame()[20:]],
    "byte by byte": lambda: [bytes([byte]) for byte in frame()],
    "with an empty end": lambda: [frame(), b""],
    "with an empty beginning": lambda: [b"", frame()],
}


def plain_headers() -> list[tuple[bytes, bytes]]:
    return headers_of(Case(200, headers={"content-length": None}), b"")


@pytest.mark.parametrize("parts", PARTS.values(), ids=PARTS)
async def test_a_body_in_parts(parts: Callable[[], list[bytes]]) -> None:
    assert (await ask(HTTPFallback(unexpected), VIEW, plain_headers(), parts())).status == 200


@pytest.mark.parametrize(("url", "limit"), [(VIEW, MAX_FRAME), (STATS, MAX_BODY)])
async def test_no_more_is_read_than_needed(url: str, limit: int) -> None:
    """A body without a length is read up to the first part past the limit."""
    done = await ask(HTTPFallback(unexpected), url, plain_headers(), [b"x" * 1024] * 1000)
    assert (done.status, json.loads(done.body)) == (413, {"type": "error", "reason": "too_large"})
    assert done.received == limit // 1024 + 1


@pytest.mark.parametrize(
    ("url", "headers", "status"),
    [
        (VIEW, {"origin": "null"}, 403),
        (VIEW, {"content-length": "1000000"}, 413),
        (STATS, {"content-length": "1000000"}, 413),
        (STATS, {"origin": "null"}, 403),
    ],
)
async def test_nothing_is_read_of_what_is_refused_by_its_head(url: str, headers: dict[str, Any], status: int) -> None:
    given = headers_of(Case(200, headers=headers), b"")
    done = await ask(HTTPFallback(unexpected), url, given, [b"x"] * 1000)
    assert (done.status, done.received) == (status, 0)


@pytest.mark.parametrize("parts", [[], [b'{"type"'], [b"", b""]], ids=["before", "within", "nothing yet"])
@pytest.mark.parametrize("url", [VIEW, STATS])
async def test_the_client_hangs_up(
    url: str, parts: list[bytes], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is no error and no refusal: there is nobody to answer."""
    monkeypatch.setattr(refusals, "count", lambda reason: pytest.fail("expected no refusal"))
    done = await ask(HTTPFallback(unexpected), url, plain_headers(), parts, hangs_up=True)
    assert done.status == 0
    assert caplog.records == []


async def test_the_client_hangs_up_before_the_answer(caplog: pytest.LogCaptureFixture) -> None:
    """An ASGI server may raise OSError for it (ASGI 2.4)."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": frame()}

    async def gone(message: dict[str, Any]) -> None:
        raise ConnectionResetError

    scope = {"type": "http", "method": "POST", "path": VIEW, "headers": plain_headers()}
    await HTTPFallback(unexpected)(scope, receive, gone)
    assert caplog.records == []


async def test_a_body_that_does_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_fallback, "BODY_WITHIN", 0.01)
    sent: list[dict[str, Any]] = []

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async with asyncio.timeout(WITHIN):
        scope = {"type": "http", "method": "POST", "path": VIEW, "headers": plain_headers()}
        await HTTPFallback(unexpected)(scope, receive, send)
    assert (sent[0]["status"], json.loads(sent[1]["body"])) == (400, {"type": "error", "reason": "malformed"})


# Faults of our own


async def test_a_bug_is_logged_once(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*given: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(answers.beacon, "load", broken)
    for _ in range(3):
        done = await send(HTTPFallback(unexpected), Case(503))
        assert (done.status, json.loads(done.body)) == (503, {"type": "error", "reason": "unavailable"})
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("djinsight.live", logging.ERROR)
    assert record.exc_info is not None


# Servers


@pytest.fixture(params=["uvicorn", "djinsight.daphne", "daphne"])
def host(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a server with the tests' application."""
    name = request.param
    process, host = processes.uvicorn() if name == "uvicorn" else processes.daphne(server=name)
    yield host
    process.stop()
    assert "Traceback" not in process.output


class Connection:
    """A connection to a server, for requests written by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> None:
        self.reader, self.writer, self.host = reader, writer, host

    def send(self, body: bytes, *lines: str, url: str = VIEW, length: bool = True) -> None:
        head = [f"POST {url} HTTP/1.1", f"Host: {self.host}", f"Origin: http://{self.host}", f"User-Agent: {BROWSER}"]
        head += [f"Content-Length: {len(body)}"] if length else []
        self.writer.write("\r\n".join([*head, *lines, "", ""]).encode() + body)

    async def answer(self) -> tuple[int, dict[str, Any]]:
        async with asyncio.timeout(WITHIN):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", head)
            assert length is not None, head
            return int(head.split()[1]), json.loads(await self.reader.readexactly(int(length[1])))

    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()


async def connected(host: str) -> Connection:
    address, _, port = host.partition(":")
    return Connection(*await asyncio.open_connection(address, int(port)), host)


def counted(n: int) -> tuple[int, dict[str, Any]]:
    return 200, {"type": "counted", "id": view_id(n), "unique": True}


async def test_one_connection_for_many_requests(host: str) -> None:
    client = await connected(host)
    client.send(frame(id=view_id(1)))
    assert await client.answer() == counted(1)
    client.send(b"{}")
    assert await client.answer() == (400, {"type": "error", "reason": "id"})
    client.send(asking("watch"), url=STATS)
    status, answer = await client.answer()
    assert (status, answer["counters"][0]["total_views"]) == (200, 1)
    # Refused before its body is read, which must not become the next request.
    client.send(b"POST / HTTP/1.1\r\n" * 500)
    assert await client.answer() == (413, {"type": "error", "reason": "too_large"})
    client.send(frame(id=view_id(2)))
    assert await client.answer() == counted(2)
    await client.close()


async def test_pipelined_requests(host: str) -> None:
    client = await connected(host)
    for n in range(5):
        client.send(frame(id=view_id(n)))
    assert [await client.answer() for _ in range(5)] == [counted(n) for n in range(5)]
    await client.close()


async def test_a_chunked_body(host: str) -> None:
    client = await connected(host)
    for n in range(2):
        body = frame(id=view_id(n))
        chunks = [body[:10], body[10:], b""]
        client.send(
            b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in chunks), "Transfer-Encoding: chunked", length=False
        )
        assert await client.answer() == counted(n)
    await client.close()


async def test_a_client_that_hangs_up_takes_nothing_from_others(host: str) -> None:
    gone = await connected(host)
    gone.send(b'{"type"', "Content-Length: 100", length=False)
    await gone.writer.drain()
    await gone.close()
    client = await connected(host)
    client.send(frame())
    assert await client.answer() == counted(0)
    await client.close()
