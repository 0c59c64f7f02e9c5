"""Fallback: find the address of the HTTP fallback, and the URL pattern that answers it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote
from weakref import WeakKeyDictionary

from django.conf import settings
from django.urls import NoReverseMatch, Resolver404, URLResolver, get_resolver, get_script_prefix, get_urlconf, reverse
from django.utils.translation import get_language, override

NAMESPACE = "djinsight"
VIEW = "record_page_view"
COUNTERS = "get_page_stats"


@dataclass(frozen=True, slots=True)
class Route:
    """The address of one view of ``djinsight.urls``.

    ``path`` is empty if ``djinsight.urls`` is not included. ``swallowed_by`` names the URL pattern that takes the
    path in place of ours. It is empty if the path leads to our view.
    """

    path: str = ""
    swallowed_by: str = ""

    @property
    def works(self) -> bool:
        """Return if the path leads to our view."""
        return bool(self.path) and not self.swallowed_by


# By the resolver, which Django makes once for each urlconf and drops when the URLs change. Resolving a path may try
# each URL pattern of the site, and every page with a script needs a route.
_known: WeakKeyDictionary[URLResolver, dict[tuple[str, str, str | None], Route]] = WeakKeyDictionary()


def route(name: str = VIEW) -> Route:
    """Return the route of the view ``name``, in the current urlconf, language and script prefix."""
    try:
        path = reverse(f"{NAMESPACE}:{name}")
    except NoReverseMatch:
        return Route()
    resolver = get_resolver(get_urlconf())
    known = _known.setdefault(resolver, {})
    key = path, name, get_language()  # patterns may be translated
    found = known.get(key)
    if found is None:
        found = known[key] = Route(path, _other_pattern(resolver, path, name))
    return found


def _other_pattern(resolver: URLResolver, path: str, name: str) -> str:
    """Return the URL pattern that takes ``path`` before the view ``name``, or ``""`` if that view takes it."""
    try:
        match = resolver.resolve(_below_prefix(path))
    except Resolver404:
        return "no URL pattern"
    if match.app_names[-1:] == [NAMESPACE] and match.url_name == name:
        return ""
    pattern = f'"{match.route}"'
    return f"{pattern} ({match.view_name})" if match.view_name else pattern


def _below_prefix(path: str) -> str:
    """Return ``path`` as Django's handler resolves it: without the script prefix, and with its escapes decoded."""
    return "/" + unquote(path.removeprefix(get_script_prefix()).lstrip("/"))


def views() -> dict[str, Callable[..., Any]]:
    """Return the views that Django calls for the paths of the fallback, by these paths below the script prefix.

    The paths are those of ``ROOT_URLCONF`` in ``LANGUAGE_CODE``, which a request has before any middleware of the site
    chooses another urlconf or language. If a pattern before ours takes a path, the view is that pattern's.
    """
    urlconf = settings.ROOT_URLCONF
    found = {}
    with override(settings.LANGUAGE_CODE):
        for name in (VIEW, COUNTERS):
            try:
                path = _below_prefix(reverse(f"{NAMESPACE}:{name}", urlconf))
                found[path] = get_resolver(urlconf).resolve(path).func
            except (NoReverseMatch, Resolver404):
                continue
    return found
