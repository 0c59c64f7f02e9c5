"""``python manage.py djinsight_doctor``: find out why a site does not count views, or does not show them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from django.core.management.base import CommandError, CommandParser

from djinsight.doctor import probe, redis_servers, services, site
from djinsight.doctor.findings import Finding, Level
from djinsight.exceptions import InvalidRef
from djinsight.management.batches import BatchCommand, whole
from djinsight.tracked import objects
from djinsight.tracked.refs import ObjectRef
from djinsight.tracked.registry import is_tracked_model
from djinsight.tracked.rows import rows_of

MAX_WAIT = 3600  # seconds


class Command(BatchCommand):
    """Runs all checks of the doctor, and prints their findings."""

    help = "Open a real socket, count a probe view, follow it into the database, and report what is misconfigured."
    requires_system_checks: list[str] = []  # the findings include them

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("ref", nargs="?", help="an object, like blog.article:5, whose page is checked, too")
        parser.add_argument(
            "--url",
            default="http://127.0.0.1:8000/",
            help="the site as browsers see it (default: http://127.0.0.1:8000/)",
        )
        parser.add_argument(
            "--header",
            action="append",
            default=[],
            metavar="'NAME: VALUE'",
            help="a header for each request to the site, such as a cookie that gives access; may be repeated",
        )
        parser.add_argument(
            "--wait", type=whole(1, MAX_WAIT), help="seconds that a worker may take to write the view (default: 25)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not _is_site(options["url"]):
            raise CommandError(f"Expected --url like https://example.org/ but got {options['url']!r}.")
        where = site.Site(options["url"], tuple(map(_header, options["header"])))
        problems = 0
        for finding in self.findings(where, options["wait"] or probe.default_wait(), options["ref"]):
            problems += finding.level is Level.PROBLEM
            style = {Level.PROBLEM: self.style.ERROR, Level.ADVICE: self.style.WARNING, Level.FINE: self.style.SUCCESS}
            self.stdout.write(style[finding.level](str(finding)))
            self.stdout.flush()
        if problems:
            raise CommandError(f"{problems} problem{'s' if problems > 1 else ''} found.", returncode=1)
        self.stdout.write("No problems found.")

    def findings(self, where: site.Site, wait: float, ref: str | None) -> Iterator[Finding]:
        """Run the checks, and yield their findings. Checks that could only repeat an earlier problem are left out."""
        tables = list(services.tables())
        there = all(finding.level is Level.FINE for finding in tables)
        tracked = self.tracked(ref) if ref and there else None
        settings = list(services.settings())
        yield from settings
        if any(finding.code == "djinsight.E001" for finding in settings):
            return  # an invalid setting would make all further checks fail
        yield from tables
        redis_answers = True
        for finding in redis_servers.examine():
            redis_answers = redis_answers and not (finding.code == "redis" and finding.level is Level.PROBLEM)
            yield finding
        layer = list(services.channel_layer())
        yield from layer
        if there:
            yield from services.schedule()
        yield from site.script(where)
        http_answers = True
        for finding in site.fallback(where):
            http_answers = finding.level is Level.FINE
            yield finding
        if tracked is not None:
            yield from site.page(where, *tracked)
        if redis_answers and there:
            delivers = any(finding.level is Level.FINE for finding in layer)
            yield from probe.Probe(where, wait, layer_delivers=delivers, http_answers=http_answers).findings()

    def tracked(self, text: str) -> tuple[ObjectRef, str]:
        """Return the object that ``text`` names, and the path of its page.

        Raises:
            CommandError: There is no such object, or its model is not tracked.
        """
        try:
            ref = ObjectRef.parse(text)
        except InvalidRef as error:
            raise CommandError(str(error)) from error
        by_key, _ = rows_of([ref])
        found = list(objects.fetch(by_key).values())
        if not found:
            raise CommandError(f"Expected an object that exists but got {text!r}.")
        if not is_tracked_model(found[0]):
            raise CommandError(f"{type(found[0])._meta.label} does not have PageViewStatisticsMixin.")
        return ObjectRef.of(found[0]), str(found[0].get_tracking_url())  # type: ignore[attr-defined]


def _is_site(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _header(text: str) -> tuple[str, str]:
    """Return the name and the value of a header. Raises CommandError, which does not show the value."""
    name, colon, value = text.partition(":")
    if not colon or not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name) or not value.strip().isprintable():
        raise CommandError("Expected --header like 'Cookie: sessionid=...' but got something else.")
    return name, value.strip()
