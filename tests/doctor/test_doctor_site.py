"""The doctor's checks of a site's pages: obstacles on the way to a page, and what a page lacks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from djinsight.doctor import policy, probe, site
from djinsight.doctor.findings import Finding, Level
from djinsight.tracked.refs import ObjectRef
from tests.support.processes import Process

REF = ObjectRef("blog", "article", "5")
SCRIPT = (
    '<script src="/static/djinsight/djinsight.js" data-djinsight-socket="/ws/djinsight/"'
    ' data-djinsight-http="/djinsight/" nonce="n0nce" async></script>'
)
TRACKER = '<span hidden data-djinsight-ref="blog.article:5" data-djinsight-view="token"></span>'
PAGE = f"<html><body>{TRACKER}{SCRIPT}</body></html>"
FORM = '<form method="post"><input name="u"><input type="password" name="p"></form>'

Told = tuple[int, dict[str, str], str]


class Teller(BaseHTTPRequestHandler):
    """Answers with ``answers``, whose keys are paths, or hosts and paths."""

    protocol_version = "HTTP/1.1"
    answers: dict[str, Told]
    asked: list[tuple[str, str, str]]

    def answer(self) -> None:
        host, path = self.headers["Host"], self.path
        self.asked.append((self.command, host, self.headers.get("Cookie", "")))
        status, headers, body = self.answers.get(host + path) or self.answers.get(
            path, self.answers.get("*", (404, {}, ""))
        )
        self.send_response(status)
        for name, value in headers.items():
            for each in value.split("\n"):
                self.send_header(name, each)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer()

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Server:
    """A site whose answers a test sets, as in ``server.says["/page/"] = 200, {}, html``."""

    def __init__(self, http: ThreadingHTTPServer, handler: Any) -> None:
        self.site = site.Site(f"http://127.0.0.1:{http.server_port}/")
        self.says: dict[str, Told] = handler.answers
        self.asked: list[tuple[str, str, str]] = handler.asked

    def page(self, path: str = "/articles/5/") -> list[Finding]:
        return list(site.page(self.site, REF, path))


@pytest.fixture
def server() -> Iterator[Server]:
    handler: Any = type("Handler", (Teller,), {"answers": {}, "asked": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield Server(http, handler)
        http.shutdown()
        thread.join()


def short(findings: list[Finding]) -> list[tuple[Level, str]]:
    return [(each.level, each.code) for each in findings]


UNSEEN, MOVED = (Level.ADVICE, "unseen"), (Level.PROBLEM, "moved")
# An answer of the page, the level and code of the finding, and a part of its sentences.
PAGES: dict[str, tuple[Told, tuple[Level, str], str]] = {
    "a tracker": ((200, {}, PAGE), (Level.FINE, "tracker"), "has its tracker"),
    "its attributes in another order": (
        (200, {}, f"<b data-djinsight-view='t' DATA-DJINSIGHT-REF='{REF}'></b>{SCRIPT}"),
        (Level.FINE, "tracker"),
        "has its tracker",
    ),
    "no tracker": ((200, {}, "<html>"), (Level.PROBLEM, "tracker"), "JavaScript"),
    "the tracker in a comment": ((200, {}, f"<!-- {TRACKER} -->"), (Level.PROBLEM, "tracker"), "has no tracker"),
    "another object's tracker": (
        (200, {}, PAGE.replace("article:5", "article:7")),
        (Level.PROBLEM, "tracker"),
        "counts views of blog.article:7, not of its own object. Give the tag the object",
    ),
    "a key that begins alike": (
        (200, {}, PAGE.replace("article:5", "article:55")),
        (Level.PROBLEM, "tracker"),
        "blog.article:55",
    ),
    "a tracker without the script": ((200, {}, TRACKER), (Level.PROBLEM, "script"), "{% djinsight_script %}"),
    "no HTTP fallback": (
        (200, {}, PAGE.replace('http="/djinsight/"', 'http=""')),
        (Level.PROBLEM, "urls"),
        "to the URLs of its host",
    ),
    "HTTP authentication": ((401, {"WWW-Authenticate": "Basic"}, ""), UNSEEN, "Authorization: Basic"),
    "no permission": ((403, {}, "no"), UNSEEN, "--header"),
    "too many requests": ((429, {}, "no"), UNSEEN, "--header"),
    "a form in its place, as Wagtail's": ((200, {}, FORM), UNSEEN, "asks to sign in, so it cannot be checked"),
    "maintenance": ((503, {}, "soon"), (Level.PROBLEM, "unavailable"), "maintenance"),
    "not published": ((404, {}, "none"), (Level.PROBLEM, "page"), "another of your sites"),
    "gone": ((410, {}, "none"), (Level.PROBLEM, "page"), "answers 410"),
    "an error": ((500, {}, "none"), (Level.PROBLEM, "page"), "fails (500). Look at the server's log"),
    "another scheme": (
        (301, {"Location": "https://127.0.0.1/articles/5/"}, ""),
        MOVED,
        "Give --url https://127.0.0.1/",
    ),
    "another host": (
        (302, {"Location": "http://www.example.org/articles/5/"}, ""),
        MOVED,
        "Give --url http://www.example.org/",
    ),
    "a circle": ((302, {"Location": "/articles/5/"}, ""), MOVED, "in a circle"),
}


@pytest.mark.parametrize(("told", "expected", "said"), PAGES.values(), ids=PAGES)
def test_page(told: Told, expected: tuple[Level, str], said: str, server: Server) -> None:
    server.says["/articles/5/"] = told
    *before, found = server.page()
    assert (found.level, found.code) == expected
    assert said in str(found)
    assert [each.level for each in before] == [Level.FINE] * len(before)


@pytest.mark.parametrize("login", ["/accounts/login/?next=/articles/5/", "/sign-in/", "/elsewhere/?next=/x/"])
def test_a_page_for_which_one_signs_in(login: str, server: Server, settings: Any) -> None:
    settings.LOGIN_URL = "/sign-in/"
    server.says["/articles/5/"] = 302, {"Location": login}, ""
    server.says[login] = 200, {}, "<html>a form that JavaScript renders"
    (found,) = server.page()
    assert (found.level, found.code) == UNSEEN
    assert f"asks to sign in at {server.site.origin}{login}" in found.text


def test_a_page_that_leads_to_another(server: Server) -> None:
    server.says["/articles/5/"] = 302, {"Location": "/news/five/"}, ""
    server.says["/news/five/"] = 200, {}, PAGE
    assert short(server.page()) == [(Level.FINE, "tracker")]
    server.says["/news/five/"] = 200, {}, "<html>"
    (found,) = server.page()
    assert (found.level, found.code) == (Level.PROBLEM, "tracker")
    assert "redirects to" in found.text
    assert "/news/five/, which has no tracker" in found.text


def test_what_was_given_lets_the_doctor_in(server: Server) -> None:
    """The header is sent to the site, and to no other."""
    server.site = site.Site(server.site.url, (("Cookie", "sessionid=secret"),))
    server.says["*"] = 200, {}, PAGE
    assert short(server.page()) == [(Level.FINE, "tracker")]
    site.ask(server.site.url.replace("127.0.0.1", "localhost"), server.site)
    assert [cookie for _, _, cookie in server.asked] == ["sessionid=secret", ""]


# A second site of the same server


def test_a_page_of_a_second_site_is_asked_by_its_host(server: Server, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["example.org", ".second.example"]
    server.says["/articles/5/"] = 404, {}, "not here"
    server.says["www.second.example/articles/5/"] = 200, {}, PAGE
    assert short(server.page("http://www.second.example/articles/5/")) == [(Level.FINE, "tracker")]
    assert short(server.page("//www.second.example/articles/5/")) == [(Level.FINE, "tracker")]
    assert {host for _, host, _ in server.asked} == {"www.second.example"}


def test_a_redirect_of_a_second_site_is_followed(server: Server, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["second.example"]
    for n, location in enumerate(("/new/", "http://second.example/new/")):
        server.says[f"second.example/old{n}/"] = 301, {"Location": location}, ""
    server.says["second.example/new/"] = 200, {}, PAGE
    for n in range(2):
        assert short(server.page(f"http://second.example/old{n}/")) == [(Level.FINE, "tracker")]
    server.says["second.example/old0/"] = 301, {"Location": "https://second.example/new/"}, ""
    (found,) = server.page("http://second.example/old0/")
    assert (found.level, found.code) == MOVED
    assert "Give --url https://second.example/" in found.cure


def test_a_second_site_that_does_not_answer_for_it(server: Server, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["second.example"]
    (found,) = server.page("https://second.example/articles/5/")
    assert (found.level, found.code) == (Level.PROBLEM, "page")
    assert f"https://second.example/articles/5/ (asked at {server.site.origin}) answers 404" in found.text


@pytest.mark.parametrize(("debug", "allowed", "asked"), [(True, [], 1), (False, [], 0), (False, ["*"], 1)])
def test_whose_hosts_are_own(debug: bool, allowed: list[str], asked: int, server: Server, settings: Any) -> None:
    settings.DEBUG, settings.ALLOWED_HOSTS = debug, allowed
    server.page("http://blog.localhost/articles/5/")
    assert len(server.asked) == asked


# The script and the fallback

ANSWERS: dict[str, tuple[Told, tuple[Level, str], tuple[Level, str]]] = {
    "a password": ((401, {}, ""), (Level.PROBLEM, "unseen"), (Level.PROBLEM, "unseen")),
    "another host": ((301, {"Location": "https://www.example.org/"}, ""), MOVED, MOVED),
    "maintenance": ((503, {}, "soon"), (Level.PROBLEM, "unavailable"), (Level.PROBLEM, "unavailable")),
    "a page for everything": ((200, {}, "<html>"), (Level.FINE, "script"), (Level.PROBLEM, "urls")),
    "JSON for everything": ((200, {}, '{"count": 0}'), (Level.FINE, "script"), (Level.PROBLEM, "urls")),
    "a CSRF check": ((403, {}, "<h1>Forbidden"), (Level.PROBLEM, "unseen"), (Level.PROBLEM, "urls")),
    "a host that Django does not know": ((400, {}, "<h1>Bad"), (Level.PROBLEM, "script"), (Level.PROBLEM, "origin")),
    "another origin": (
        (403, {}, '{"type": "error", "reason": "origin"}'),
        (Level.PROBLEM, "unseen"),
        (Level.PROBLEM, "origin"),
    ),
    "Redis down": (
        (503, {}, '{"type": "error", "reason": "unavailable"}'),
        (Level.PROBLEM, "unavailable"),
        (Level.PROBLEM, "urls"),
    ),
}


@pytest.mark.parametrize(("told", "script", "fallback"), ANSWERS.values(), ids=ANSWERS)
def test_script_and_fallback(
    told: Told, script: tuple[Level, str], fallback: tuple[Level, str], server: Server
) -> None:
    server.says["*"] = told
    assert short(list(site.script(server.site))) == [script]
    assert short(list(site.fallback(server.site))) == [fallback]


def test_something_else_than_the_view_answers(server: Server, transactional_db: None) -> None:
    """The answer comes from a catch-all of the web server, or from an older process with other URLs."""
    server.says["*"] = 200, {}, "<html>"
    found = [each for each in probe.Probe(server.site, 1).findings() if each.code == "urls"]
    assert len(found) == 1
    assert "/djinsight/record-view/ is answered by something else (200)" in found[0].text


def test_a_socket_behind_a_password(server: Server, transactional_db: None) -> None:
    server.says["*"] = 401, {}, ""
    found = list(probe.Probe(server.site, 1, http_answers=False).findings())
    assert short(found) == [(Level.PROBLEM, "unseen")]


# Policies

OWN = "https://example.org"
ELSEWHERE = "https://cdn.example.net/djinsight.js"
# A policy, and whether a page of OWN may load a script of its own, may load the one ELSEWHERE, and may open its socket.
POLICIES = {
    "": (True, True, True),
    "img-src 'none'": (True, True, True),
    "default-src 'self'": (True, False, True),
    "default-src 'none'": (False, False, False),
    "default-src 'none'; script-src 'self'; connect-src 'self'": (True, False, True),
    "default-src *": (True, True, True),
    "default-src https:": (True, True, False),
    "default-src https: wss:": (True, True, True),
    "connect-src wss://example.org": (True, True, True),
    "connect-src wss://example.org/ws/": (True, True, True),
    "connect-src ws://example.org:443": (True, True, True),
    "connect-src example.org:*": (True, True, True),
    "connect-src *.example.org": (True, True, False),
    "connect-src https://api.example.org": (True, True, False),
    "script-src *.example.net; connect-src 'none'": (False, True, False),
    "script-src https://example.org": (True, False, True),
    "script-src 'nonce-n0nce' 'strict-dynamic'": (True, True, True),
    "script-src 'nonce-other' 'strict-dynamic' 'self'": (False, False, True),
    "script-src-elem 'self'; script-src 'none'": (True, False, True),
    "SCRIPT-SRC 'SELF'; script-src *": (True, False, True),
}


@pytest.mark.parametrize(("text", "expected"), POLICIES.items())
def test_policy(text: str, expected: tuple[bool, bool, bool]) -> None:
    scripts = [not policy.forbids_script([text], url, OWN, "n0nce") for url in (f"{OWN}/static/x.js", ELSEWHERE)]
    assert (*scripts, not policy.forbids_connection([text], "wss://example.org/ws/djinsight/", OWN)) == expected


def test_policies_of_a_page(server: Server) -> None:
    """Policies in several headers, in one header and in the page all apply."""
    own = "script-src 'self'"
    meta = "<meta http-equiv=content-security-policy content=\"connect-src 'none'\">"
    for headers, html, codes in (
        ({"Content-Security-Policy": f"{own}; connect-src 'self'"}, PAGE, []),
        ({"Content-Security-Policy-Report-Only": "default-src 'none'"}, PAGE, []),
        ({"Content-Security-Policy": f"{own}\nconnect-src https://x.example"}, PAGE, ["policy"]),
        ({"Content-Security-Policy": f"{own}, default-src 'none'"}, PAGE, ["policy", "policy"]),
        ({}, meta + PAGE, ["policy"]),
    ):
        server.says["/articles/5/"] = 200, headers, html
        assert [each.code for each in server.page()] == ["tracker", *codes]


def test_nothing_of_a_header_is_said(server: Server) -> None:
    process = Process(
        "-m",
        "django",
        "djinsight_doctor",
        "--url",
        server.site.url,
        "--wait",
        "1",
        "--header",
        "Cookie: sessionid=secret",
    )
    process.popen.wait(60)
    process.stop()
    assert "secret" not in process.output
