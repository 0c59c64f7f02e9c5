"""Hostile clients: their strings are inert in every page and log, and no data identifies a visitor."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from html.parser import HTMLParser
from typing import Any

import pytest
import redis
from asgiref.sync import sync_to_async
from channels.db import database_sync_to_async
from django.apps import apps
from django.contrib.auth.models import User
from django.test import Client

from djinsight.beacons import ids, tokens
from djinsight.counting import entries
from djinsight.models import PageViewLog
from djinsight.tasks import persist
from djinsight.tracked.refs import ObjectRef
from tests.support import processes
from tests.support.sockets import BROWSER, Page, connect_page, view_id

pytestmark = pytest.mark.once

Open = Callable[..., Awaitable[Page]]

HOSTILE = {
    "a script": "<script>alert('mark')</script>",
    "an attribute": "\"' onmouseover='alert(1)' mark=\"",
    "a scheme": "javascript:alert('mark')//",
    "an image": "<img src=x onerror=alert('mark')>",
    "a comment": "--><svg/onload=alert('mark')><!--",
    "a template": "{{ settings.SECRET_KEY }}{% debug %}mark",
    "a formula": "=cmd|' /C calc'!A0mark",
    "another formula": "@SUM(1+1)*cmd|mark",
    "a format": "%s%n%(mark)s{0.__class__}",
    "SQL": "'; DROP TABLE djinsight_pageviewlog; --mark",
    "entities": "&lt;script&gt;&#x27;mark&amp;",
    "a path": "../../../../etc/passwd%00mark",
}
REFUSED = {
    "bidi controls": "/\u202emark\u2066\u2069",
    "a line separator": "/mark\u2028fake",
    "a line of a log": "/mark\nERROR fake",
    "an escape of a terminal": "/\x1b[31mmark",
    "C1 controls": "/\x9bmark",
    "too long": "/mark" + "x" * 2048,
}
CLIENT, SESSION = "203.0.113.77", "s3cr3tsessionkey0123456789abcdef"


class Inert(HTMLParser):
    """Collects the markup that would run as code in a page."""

    def __init__(self) -> None:
        super().__init__()
        self.runs: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag in {"iframe", "object", "embed"} or (tag == "img" and dict(attrs).get("src") == "x"):
            self.runs.append(tag)
        for name, value in attrs:
            link = name in {"href", "src", "action", "formaction"}
            if name.startswith("on") or (link and str(value).strip().lower().startswith("javascript:")):
                self.runs.append(f"{tag} {name}={value}")

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.lasttag == "script" and "mark" in data:
            self.runs.append(data)


def everything(client: redis.Redis) -> str:
    """Return all data in Redis and in the tables as a string, with decompressed stream entries."""
    held = []
    for key in client.scan_iter():
        kind = client.type(key)
        read: dict[bytes, Callable[[], Any]] = {
            b"string": lambda key=key: client.get(key),
            b"hash": lambda key=key: client.hgetall(key),
            b"set": lambda key=key: client.smembers(key),
            b"list": lambda key=key: client.lrange(key, 0, -1),
            b"zset": lambda key=key: client.zrange(key, 0, -1),
            b"stream": lambda key=key: client.xrange(key),
            b"none": lambda: None,  # a key of a rate limit that has expired since the scan
        }
        value = read[kind]()
        held.append(repr((key, value)))
        if kind == b"stream":
            held += [repr(entries.decode(fields[b"v"], fields[b"d"])) for _, fields in value if b"v" in fields]
    for model in apps.get_models():
        held += [repr(row) for row in model._base_manager.values()]
    return "\n".join(held)


def view(ref: ObjectRef, n: int, text: str) -> dict[str, str]:
    return {"type": "view", "id": view_id(n), "token": tokens.mint("view", ref), "url": text, "referrer": text}


async def test_texts_are_inert(
    connect: Open, transactional_db: None, ref: ObjectRef, redis_client: redis.Redis
) -> None:
    """Hostile strings are inert in the admin's pages and on the page, and do not appear in the server's log."""
    process, host = await sync_to_async(processes.daphne)()
    try:
        for n, text in enumerate(HOSTILE.values()):
            page = await connect(host, user_agent=f"{BROWSER} {text}", cookie=f"sessionid={n}")
            assert (await page.ask(view(ref, n, text)))["type"] == "counted"
        for text in REFUSED.values():
            assert (await page.ask({**view(ref, 99, text), "referrer": ""}))["reason"] == "url"
        page = await connect(host, user_agent=BROWSER + "x" * 7000 + "mark")
        assert (await page.ask(view(ref, 50, "/")))["type"] == "counted"
    finally:
        await sync_to_async(process.stop)()
    assert "mark" not in process.output
    await database_sync_to_async(persist)()
    assert await PageViewLog.objects.acount() == len(HOSTILE) + 1
    assert {len(each.user_agent) <= 512 async for each in PageViewLog.objects.all()} == {True}
    await database_sync_to_async(check_the_admin)(ref)


def check_the_admin(ref: ObjectRef) -> None:
    client = Client(headers={"user-agent": BROWSER})
    client.force_login(User.objects.create_superuser("staff"))
    urls = ["/admin/djinsight/pageviewlog/", f"/articles/{ref.pk}/"]
    urls += [f"/admin/djinsight/pageviewlog/{row.pk}/change/" for row in PageViewLog.objects.all()]
    urls += [f"/admin/djinsight/pageviewlog/?q={text}" for text in ("<script>", "%27%22", "javascript:")]
    read = Inert()
    for url in urls:
        answer = client.get(url)
        assert answer.status_code == 200, url
        parser = Inert()
        parser.feed(answer.content.decode())
        assert parser.runs == [], url
        read.text += parser.text
    for text in HOSTILE.values():
        assert text in read.text  # the page shows it unchanged, as text


@pytest.mark.parametrize("kind", ["session", "cookie", "anonymous"])
async def test_nobody_is_known_by_name(
    kind: str, connect: Open, transactional_db: None, ref: ObjectRef, redis_client: redis.Redis
) -> None:
    """Redis, tables and log have no whole address, session key or cookie, before and after persist."""
    settings = {"DJINSIGHT_TRUSTED_PROXIES": ["127.0.0.0/8"], "DJINSIGHT_VISITOR": kind}
    limits = {"DJINSIGHT_RATE_VISITOR": 20, "DJINSIGHT_RATE_ADDRESS": 200}
    process, host = await sync_to_async(processes.daphne)(**settings, **limits)
    try:
        secret = ids.mint()
        own = ids.sign(secret)
        headers = {"x_forwarded_for": CLIENT, "cookie": f"sessionid={SESSION}; djinsight_visitor={own}"}
        page = await connect_page(host, **headers)
        await page.ask({"type": "subscribe", "tokens": [tokens.mint("watch", ref)]})
        assert (await page.ask(view(ref, 1, "/")))["type"] == "counted"
        await page.ask("garbage")
        before = await database_sync_to_async(everything)(redis_client)
        await page.close()
    finally:
        await sync_to_async(process.stop)()
    await database_sync_to_async(persist)()
    after = await database_sync_to_async(everything)(redis_client)

    row = await PageViewLog.objects.aget()
    assert row.ip_address == "203.0.113.0"
    assert "203.0.113.0" in before  # the search does find data that is kept
    assert re.fullmatch(r"[0-9a-f]{22}", row.visitor)
    for text in (before, after, process.output, json.dumps(process.lines)):
        assert CLIENT not in text
        assert SESSION not in text
        assert secret not in text
