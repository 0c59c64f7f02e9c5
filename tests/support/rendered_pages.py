"""Rendered pages: pages that the tags render, and the elements in them."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import redis
from django.contrib.contenttypes.models import ContentType
from django.http import HttpRequest
from django.template import Context, RequestContext, Template
from django.test import RequestFactory

from djinsight.models import PageViewStatistics
from djinsight.tracked.refs import ObjectRef
from tests.support.sockets import BROWSER


class Elements(HTMLParser):
    """The elements of a page, each with name, attributes, and the text after its start tag."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None], str]] = []
        self.comments: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.found.append((tag, dict(attrs), ""))

    def handle_data(self, data: str) -> None:
        if self.found:
            tag, attributes, text = self.found[-1]
            self.found[-1] = (tag, attributes, text + data)

    def handle_comment(self, data: str) -> None:
        self.comments.append(data.strip())

    def having(self, attribute: str) -> list[dict[str, str | None]]:
        return [attributes for _, attributes, _ in self.found if attribute in attributes]

    @property
    def scripts(self) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes, _ in self.found if tag == "script"]

    @property
    def texts(self) -> dict[str, str]:
        """Return the rendered numbers by statistic."""
        return {
            str(attributes["data-djinsight-stat"]): text.strip()
            for _, attributes, text in self.found
            if "data-djinsight-stat" in attributes
        }

    @property
    def refs(self) -> set[str | None]:
        return {attributes["data-djinsight-ref"] for attributes in self.having("data-djinsight-ref")}


def request(user_agent: str = BROWSER, **attributes: Any) -> HttpRequest:
    made = RequestFactory().get("/", headers={"user-agent": user_agent})
    for name, value in attributes.items():
        setattr(made, name, value)
    return made


def part() -> HttpRequest:
    """Return a request whose response becomes a part of a page that the browser already shows."""
    return RequestFactory().get("/", headers={"user-agent": BROWSER, "sec-fetch-dest": "empty"})


def html(source: str, made: HttpRequest | None = None, **context: Any) -> str:
    template = Template("{% load djinsight_tags %}" + source)
    return template.render(RequestContext(made, context) if made else Context(context))


def render(source: str, made: HttpRequest | None = None, **context: Any) -> Elements:
    return Elements(html(source, made, **context))


def viewed(obj: Any, total: int, unique: int) -> None:
    ref = ObjectRef.of(obj)
    content_type, _ = ContentType.objects.get_or_create(app_label=ref.app_label, model=ref.model_name)
    PageViewStatistics.objects.create(
        content_type=content_type, object_id=ref.pk, total_views=total, unique_views=unique
    )


def read_calls(client: redis.Redis) -> int:
    """Return how many round trips read counters from Redis since its statistics were reset."""
    stats = client.info("commandstats")
    return sum(each["calls"] for name, each in stats.items() if name in {"cmdstat_evalsha", "cmdstat_eval"})
