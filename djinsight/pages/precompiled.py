"""Skeletons: what a template rendered, with holes in it, to be filled for one object after the other.

A page with fifty objects shows the same few tags fifty times. Each template is rendered once, with holes in place of
the values, and then only filled: 1 us in place of 100. The package's own templates are rendered once for all pages, a
site's once for each; one that does more with a value than to show it, or to ask whether there is one, each time.
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

# The fields of each statistic. An empty text counts as not there; what is no text is for templates that calculate.
Fields = Mapping[str, Mapping[str, Any]]
SHARED = ("ref", "watch")  # fields that all statistics of an object share
MAX_KEPT = 256  # skeletons for all pages, some twenty for each language; with more they are made anew

_OWN = Path(__file__).resolve().parents[1] / "templates"
_HOLE = re.compile("\x02([^\x02\x03]+)\x03")
_escape = lru_cache(maxsize=4096)(html.escape)  # the same few texts, again and again
_kept: dict[Any, Skeleton | None] = {}


class Touched(Exception):
    """A template did more with a hole than to show it."""


class Hole:
    """Stands for a value. What a template does with it, but to show a text, is noted in ``touched``."""

    def __init__(self, path: str, touched: list[str], is_text: bool) -> None:
        self._path = path
        self._touched = touched
        self._is_text = is_text

    def __str__(self) -> str:
        return f"\x02{self._path}\x03" if self._is_text else self._refuse()

    def __bool__(self) -> bool:
        return self._is_text or self._refuse()

    def _refuse(self, *args: Any) -> NoReturn:
        # Noted as well: a comparison in a template swallows what is raised.
        self._touched.append(self._path)
        raise Touched

    __eq__ = __lt__ = __le__ = __gt__ = __ge__ = __hash__ = _refuse
    __int__ = __float__ = __index__ = __len__ = __iter__ = __contains__ = __getitem__ = _refuse
    __add__ = __radd__ = __format__ = __getattr__ = _refuse


class Skeleton:
    """The pieces of one rendered template: texts, and between them the places of the values.

    A place is named like ``total_views.text``, or ``ref`` where the field is one that all statistics share.
    """

    def __init__(self, rendered: str) -> None:
        self.pieces = _HOLE.split(rendered)
        self.places = self.pieces[1::2]

    @classmethod
    def of(cls, template: Any, values: Fields, options: Mapping[str, Any]) -> Skeleton | None:
        """What ``template`` makes of values of this shape, None where it has to be rendered for each."""
        touched: list[str] = []

        def hole(stat: str, field: str, value: Any) -> Any:
            if value == "" or field == "stat":
                return value
            return Hole(_place(stat, field), touched, isinstance(value, str))

        holes = {stat: {field: hole(stat, field, fields[field]) for field in fields} for stat, fields in values.items()}
        try:
            skeleton = cls(template.render(Context({"values": holes, **options})))
        except (Touched, TemplateSyntaxError):  # the latter: a tag that takes a number, and says so itself
            return None
        known = {_place(stat, field) for stat, fields in values.items() for field in fields}
        # A filter that took a mark for the text has changed it.
        changed = any(mark in text for text in skeleton.pieces[::2] for mark in "\x02\x03")
        return None if touched or changed or not known.issuperset(skeleton.places) else skeleton

    def fill(self, texts: dict[str, str]) -> SafeString:
        """The same with ``texts``, by their places."""
        pieces = self.pieces.copy()
        pieces[1::2] = map(_escape, map(texts.__getitem__, self.places))
        return SafeString("".join(pieces))


def _place(stat: str, field: str) -> str:
    """The name of the place of ``field`` of ``stat``."""
    return field if field in SHARED else f"{stat}.{field}"


def kept(template: Any, shape: Any, make: Callable[[], Skeleton | None]) -> Skeleton | None:
    """What ``make`` makes of ``template``, once for all pages where the template is the package's own.

    Nothing but ``shape`` and the language decides what such a skeleton is; in a site's template anything may be said.
    """
    if not _is_own(template):
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
def _is_own(template: Any) -> bool:
    """Whether ``template`` is the package's own, and so is the one that all of them include."""
    both = template, template.engine.get_template("djinsight/value.html")
    return all(_OWN in Path(each.origin.name).parents for each in both)
