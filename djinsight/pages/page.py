"""Page: what the template tags of one response share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from django.core.paginator import Page as PaginatorPage
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import get_script_prefix
from django.utils import translation
from django.utils.functional import LazyObject, cached_property, empty
from django.utils.timezone import get_current_timezone

from djinsight.beacons import tokens
from djinsight.beacons.ids import COOKIE_NAME
from djinsight.conf import SOCKET_PATH, conf
from djinsight.counting import live_numbers
from djinsight.counting.snapshot import Snapshot
from djinsight.pages import fallback
from djinsight.pages.finding import find_object
from djinsight.pages.formats import Formats
from djinsight.pages.permission import may_see_statistics
from djinsight.pages.precompiled import Precompiled
from djinsight.pages.script import is_part
from djinsight.pages.values import Values
from djinsight.statistics import periods
from djinsight.statistics.periods import Days, Views
from djinsight.tracked.refs import ObjectRef, ref_of_saved
from djinsight.tracked.registry import is_tracked

STAFF_TOKEN_AGE = 12 * 3600  # seconds for which a page that only staff may see keeps its numbers live
MAX_TOGETHER = 1000  # objects read together with the one that a tag asks for

_ATTRIBUTE = "_djinsight_page"


class Page:
    """State of one response: the numbers that were read, and if the script is there.

    It is kept on the request, or if the context has no request, for one render.
    """

    def __init__(self, request: HttpRequest | None) -> None:
        self.request = request
        self.has_script = False
        self.script_is_placed = False  # by hand, so no later tag renders another one
        self.precompiled: dict[Any, Precompiled | None] = {}  # the cache of precompiled.render
        self.own: dict[str, bool] = {}  # if the template of a tag is the package's own, by the tag's name
        self._formats: dict[Any, Formats] = {}
        self._read: dict[ObjectRef, Snapshot] = {}
        self._views: dict[ObjectRef, Views] = {}
        self._daily: dict[tuple[ObjectRef, date, date], Days] = {}
        self._refs: dict[int, tuple[Any, ObjectRef | None]] = {}
        self._values: dict[tuple[int, Formats], Values] = {}

    @classmethod
    def of(cls, context: Any) -> Page:
        """Return the page of ``context``, which the first call makes."""
        # It is in the layer of the outermost template. Included templates have layers of their own above it.
        kept = context.render_context.dicts[1]
        page: Page | None = kept.get(_ATTRIBUTE)
        if page is None:
            # If a template is included with "only", its context has the request only as an attribute.
            request = context.get("request") or getattr(context, "request", None)
            if not isinstance(request, HttpRequest):
                request = None  # another object has that name, as in a mail about a request
            page = kept[_ATTRIBUTE] = getattr(request, _ATTRIBUTE, None) or cls(request)
            if request is not None:
                setattr(request, _ATTRIBUTE, page)
        return page

    @cached_property
    def shows_statistics(self) -> bool:
        """Return if this visitor may see numbers."""
        if not conf.admin_only:
            return True
        return may_see_statistics(getattr(self.request, "user", None))

    @property
    def formats(self) -> Formats:
        """Return the formats of the active language and zone, which a block around a tag may have changed."""
        key = translation.get_language(), get_current_timezone()
        if key not in self._formats:
            self._formats[key] = Formats(*key)
        return self._formats[key]

    def ref_of(self, obj: Any) -> ObjectRef | None:
        """Return the ref of ``obj``, or None if it is not tracked or not saved."""
        known = self._refs.get(id(obj))
        if known is None:
            ref = ref_of_saved(obj) if is_tracked(obj) else None
            known = self._refs[id(obj)] = obj, ref  # while the object is kept, no other object has its id
        return known[1]

    def refs_of(self, objects: Iterable[Any]) -> list[ObjectRef]:
        """Return the refs of the tracked and saved ``objects``, and evaluate no lazy one, such as ``request.user``."""
        return [ref for each in objects if not _is_unevaluated(each) and (ref := self.ref_of(each)) is not None]

    def values(self, obj: Any, context: Any) -> Values | None:
        """Return the values of ``obj``, or of the page's object if it is ``UNSET``.

        Return None if no object is tracked and saved, or if the visitor may not see its numbers.
        """
        formats = self.formats
        known = self._values.get((id(obj), formats))
        if known is not None:
            return known
        found = find_object(context, obj)
        key = id(found), formats
        if key not in self._values and found is not None and self.shows_statistics:
            ref = self.ref_of(found)  # keeps the object, so that no other object gets its id
            if ref is not None:
                snapshot = self.snapshot(ref, context)
                self._values[key] = Values(snapshot, formats, self.watch_token(ref), lambda: self.views(ref))
        return self._values.get(key)

    def snapshot(self, ref: ObjectRef, context: Any) -> Snapshot:
        """Return the live numbers of ``ref``, read together with those of its neighbours in the context."""
        if ref not in self._read:
            self.load([ref, *self._neighbours(ref, context)])
        return self._read[ref]

    def views(self, ref: ObjectRef) -> Views:
        """Return this week's and this month's views of ``ref``.

        They are read together with those of all objects whose live numbers were read so far.
        """
        if ref not in self._views:
            unread = {each: snapshot for each, snapshot in self._read.items() if each not in self._views}
            self._views.update(periods.read(unread))
        return self._views[ref]

    def daily(self, ref: ObjectRef, first: date, last: date, context: Any) -> Days:
        """Return the persisted views of ``ref`` on each day from ``first`` to ``last``.

        They are read together with those of all objects whose live numbers were read so far.
        """
        if (ref, first, last) not in self._daily:
            self.snapshot(ref, context)
            for each, views in periods.daily_of(self._read, first, last).items():
                self._daily[each, first, last] = views
        return self._daily[ref, first, last]

    def load(self, refs: Iterable[ObjectRef]) -> None:
        """Read the live numbers of all ``refs`` that are not read yet, ``MAX_TOGETHER`` at once."""
        missing = [ref for ref in dict.fromkeys(refs) if ref not in self._read]
        for start in range(0, len(missing), MAX_TOGETHER):
            self._read.update(live_numbers.read(missing[start : start + MAX_TOGETHER]))

    def _neighbours(self, ref: ObjectRef, context: Any) -> list[ObjectRef]:
        """Return the refs of the context's list, page or evaluated queryset that holds ``ref``, or none."""
        for value in _values(context):
            if isinstance(value, PaginatorPage):
                value = value.object_list
            if isinstance(value, QuerySet):
                value = value._result_cache
            if not isinstance(value, list | tuple):
                continue
            refs = self.refs_of(value[:MAX_TOGETHER])
            if ref in refs:
                return refs
        return []

    def watch_token(self, ref: ObjectRef) -> str:
        """Return a token to watch the numbers of ``ref``. If only staff may see them, the token expires."""
        return tokens.mint("watch", ref, self._token_age)

    @cached_property
    def _token_age(self) -> int | None:
        return STAFF_TOKEN_AGE if conf.admin_only else None

    def uncounted(self) -> str:
        """Return why a view of this page does not count, or ``""`` if it does."""
        if not conf.enable_tracking:
            return "tracking is off"
        if getattr(self.request, "is_preview", False):
            return "a preview does not count"  # an editor's preview in Wagtail
        return ""

    def script(self, *, async_load: bool = True, debug: bool = False) -> dict[str, Any]:
        """Return the variables of the script element's template.

        Args:
            async_load: The browser does not wait for the script.
            debug: The script writes to the browser's console.
        """
        self.has_script = True
        return {
            "async_load": async_load,
            "debug": debug,
            "socket": get_script_prefix() + SOCKET_PATH,
            "http": _http_prefix(),
            "number": self.formats.of_numbers,
            "time": self.formats.of_times,
            "cookie": COOKIE_NAME if conf.visitor == "cookie" else "",
            "respect_dnt": conf.respect_dnt,
            "nonce": self._nonce(),
        }

    @cached_property
    def number(self) -> str:
        """Return a hash of this page's path and query, which tells the script the page of a tracker element.

        It is not the path itself, because a cache may show a page, or a fragment of it, to other visitors.
        """
        if self.request is None:
            return ""
        number = 0
        for character in self.request.get_full_path():
            number = (number * 31 + ord(character)) % 1_000_003
        return str(number)

    @cached_property
    def is_part(self) -> bool:
        """Return if this response is put into a page that the browser already shows."""
        return is_part(self.request)

    def is_foreign(self) -> bool:
        """Return if the browser would refuse a script of this response, as it goes into a page with another nonce."""
        names = ("csp_nonce", "_csp_nonce")
        return any(getattr(self.request, name, None) is not None for name in names) and self.is_part

    def _nonce(self) -> str:
        """Return the nonce of this response's Content-Security-Policy, django-csp's or Django's, or ``""``.

        Both packages make the nonce, and add it to the header, when it is first read as a string. Until then it is
        false.
        """
        for name in ("csp_nonce", "_csp_nonce"):
            nonce = getattr(self.request, name, None)
            if nonce is not None:
                return str(nonce)
        return ""


def _values(context: Any) -> list[Any]:
    layers: list[Mapping[str, Any]] = getattr(context, "dicts", [])
    # Even isinstance() evaluates a lazy object. For the user this costs two queries, for the CSRF token a cookie.
    return [value for layer in layers for value in layer.values() if not isinstance(value, LazyObject)]


def _is_unevaluated(value: Any) -> bool:
    """Return if ``value`` is lazy and not evaluated yet. Evaluating the user reads the session, which sets ``Vary``."""
    return isinstance(value, LazyObject) and value._wrapped is empty


def _http_prefix() -> str:
    """Return the path under which the HTTP fallback is included, or ``""`` if it does not lead to our views."""
    route = fallback.route()
    return route.path.removesuffix("record-view/") if route.works else ""
