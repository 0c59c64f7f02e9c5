"""Precompiled templates: render a template once with placeholders, then fill it for each object.

A page with fifty objects shows the same few tags fifty times. ``render`` renders each template once, with placeholders
in place of the values. Filling it then takes 1 us, rendering it would take 100. The package's own templates are
rendered once for all pages, a site's once for each page. A template is rendered each time if it does more with a value
than show it or test if it is there.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

from django.template import Context, TemplateSyntaxError
from django.utils import translation
from django.utils.safestring import SafeString

from djinsight.pages.runs import Known
from djinsight.pages.values import Values

# The fields of each statistic. An empty string means that there is no value. Other types are for templates that
# calculate.
Fields = Mapping[str, Mapping[str, Any]]
Cache = dict[Any, "Precompiled | None"]
SHARED = ("ref", "watch")  # fields that all statistics of an object share
MAX_KEPT = 256  # templates for all pages, some twenty for each language; at the limit the cache is emptied

_OWN = Path(__file__).resolve().parents[1] / "templates"
_PLACEHOLDER = re.compile("\x02([^\x02\x03]+)\x03")
_escape = lru_cache(maxsize=4096)(html.escape)  # cached, as the same few strings come again and again
_kept: dict[Any, Precompiled | None] = {}


class Touched(Exception):
    """Raised when a template does more with a placeholder than show it."""


class Placeholder:
    """Stands for a value while a template renders. Every use but showing a string is noted in ``touched``."""

    def __init__(self, path: str, touched: list[str], is_text: bool) -> None:
        self._path = path
        self._touched = touched
        self._is_text = is_text

    def __str__(self) -> str:
        return f"\x02{self._path}\x03" if self._is_text else self._refuse()

    def __bool__(self) -> bool:
        return self._is_text or self._refuse()

    def _refuse(self, *args: Any) -> NoReturn:
        # The use is noted as well, because a comparison in a template swallows exceptions.
        self._touched.append(self._path)
        raise Touched

    __eq__ = __lt__ = __le__ = __gt__ = __ge__ = __hash__ = _refuse
    __int__ = __float__ = __index__ = __len__ = __iter__ = __contains__ = __getitem__ = _refuse
    __add__ = __radd__ = __format__ = __getattr__ = _refuse


class Precompiled:
    """The pieces of one rendered template: strings, and between them the places of the values.

    A place is named like ``total_views.text``, or like ``ref`` for a field that all statistics share.
    """

    def __init__(self, rendered: str) -> None:
        self.pieces = _PLACEHOLDER.split(rendered)
        self.places = self.pieces[1::2]

    @classmethod
    def of(cls, template: Any, values: Fields, options: Mapping[str, Any]) -> Precompiled | None:
        """Return ``template`` precompiled for values of this shape, or None if each object needs a render."""
        touched: list[str] = []

        def placeholder(stat: str, field: str, value: Any) -> Any:
            if value == "" or field == "stat":
                return value
            return Placeholder(_place(stat, field), touched, isinstance(value, str))

        placeholders = {
            stat: {field: placeholder(stat, field, value) for field, value in fields.items()}
            for stat, fields in values.items()
        }
        try:
            precompiled = cls(template.render(Context({"values": placeholders, **options})))
        except (Touched, TemplateSyntaxError):  # TemplateSyntaxError comes from a tag that only takes a number
            return None
        known = {_place(stat, field) for stat, fields in values.items() for field in fields}
        # A filter has changed a placeholder if one of its marks is left outside of a whole placeholder.
        changed = any(mark in text for text in precompiled.pieces[::2] for mark in "\x02\x03")
        return None if touched or changed or not known.issuperset(precompiled.places) else precompiled

    def fill(self, texts: dict[str, str]) -> SafeString:
        """Return the HTML with ``texts`` at their places, escaped."""
        pieces = self.pieces.copy()
        pieces[1::2] = map(_escape, map(texts.__getitem__, self.places))
        return SafeString("".join(pieces))


def _place(stat: str, field: str) -> str:
    """Return the name of the place of ``field`` of ``stat``."""
    return field if field in SHARED else f"{stat}.{field}"


def render(
    find: Callable[[], Any],
    name: Any,
    values: Values,
    stats: tuple[str, ...],
    options: Mapping[str, Any],
    known: Known | None,
    cache: Cache,
) -> SafeString:
    """Return the template that ``find`` returns, rendered with ``values`` of ``stats`` and with ``options``.

    Args:
        find: Returns the template. It is called once for each ``name`` and shape of the values.
        name: The key in ``cache`` for the template, its language and its formats.
        values: The strings of one object.
        stats: The statistics that the template shows.
        options: Further variables of the template.
        known: The attributes that the template leaves out, or None for a site's template, which has all values.
        cache: A cache of the caller's, which keeps it for as long as ``name`` means the same template.
    """
    # A template renders something else if a time or a period is missing.
    shape = stats, values.shape_of(stats), known, *options.values()
    try:
        precompiled = cache[name, shape]
    except KeyError:
        template = find()
        fields = values.fields_of(stats, known)
        precompiled = kept(template, shape, lambda: Precompiled.of(template, fields, options))
        cache[name, shape] = precompiled
    if precompiled is not None:
        return precompiled.fill(values)
    html: SafeString = find().render(Context({"values": values.fields_of(stats, known), **options}))
    return html


def kept(template: Any, shape: Any, make: Callable[[], Precompiled | None]) -> Precompiled | None:
    """Return what ``make`` makes of ``template``, cached for all pages if the template is the package's own.

    The output of our own templates depends only on ``shape`` and the language. A site's template may depend on more.
    """
    if not is_own(template):
        return make()
    key = template, shape, translation.get_language()
    try:
        return _kept[key]
    except KeyError:
        if len(_kept) >= MAX_KEPT:
            _kept.clear()
        made = _kept[key] = make()
        return made


@lru_cache(maxsize=64)
def is_own(template: Any) -> bool:
    """Return if ``template`` is the package's own, and ``value.html``, which all of them include, is, too."""
    both = template, template.engine.get_template("djinsight/value.html")
    return all(_OWN in Path(each.origin.name).parents for each in both)
