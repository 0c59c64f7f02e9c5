"""Skeletons: what a template rendered, with holes in it, to be filled for one object after the other.

A page with fifty objects shows the same few tags fifty times. Each template is rendered once for the page, with holes
in place of the values, and then only filled: some 3 us in place of 60. A template of a site's own that does more with a
value than to show it, or to ask whether there is one, is rendered each time.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NoReturn

from django.template import Context, TemplateSyntaxError
from django.utils.safestring import SafeString, mark_safe

# The fields of each statistic. An empty text counts as not there; what is no text is for templates that calculate.
Values = Mapping[str, Mapping[str, Any]]

_HOLE = re.compile("\x02([^\x02\x03]+)\x03")
_escape = lru_cache(maxsize=4096)(html.escape)  # the same few texts, again and again


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
    """The pieces of one rendered template: texts, and between them the places of the values."""

    def __init__(self, rendered: str) -> None:
        self.pieces = _HOLE.split(rendered)
        self.paths = self.pieces[1::2]
        self._places = [tuple(path.split(".", 1)) for path in self.paths]

    @classmethod
    def of(cls, template: Any, values: Values, options: Mapping[str, Any]) -> Skeleton | None:
        """What ``template`` makes of values of this shape, None where it has to be rendered for each."""
        touched: list[str] = []
        holes = {
            stat: {
                field: value if value == "" else Hole(f"{stat}.{field}", touched, isinstance(value, str))
                for field, value in fields.items()
            }
            for stat, fields in values.items()
        }
        try:
            skeleton = cls(template.render(Context({"values": holes, **options})))
        except (Touched, TemplateSyntaxError):  # the latter: a tag that takes a number, and says so itself
            return None
        known = {f"{stat}.{field}" for stat, fields in values.items() for field in fields}
        # A filter that took a mark for the text has changed it.
        changed = any(mark in text for text in skeleton.pieces[::2] for mark in "\x02\x03")
        return None if touched or changed or not known.issuperset(skeleton.paths) else skeleton

    def fill(self, values: Values) -> SafeString:
        """The same for ``values``."""
        pieces = self.pieces.copy()
        pieces[1::2] = [_escape(values[stat][field]) for stat, field in self._places]
        return mark_safe("".join(pieces))
