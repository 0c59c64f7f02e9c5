"""Formats: how a page writes numbers and times, for its own elements and for the script that renews them.

The server says how with each element, because a page may hold parts in several languages: one from a cache, one that
htmx swapped in. A format is a short string of two kinds:

- of a number, the sizes of its groups from the right, a colon, and the separator: ``3:,`` or ``3,2:,``; the last size
  is repeated;
- of a time, a list whose first character separates the others: the zone (its name, or the seconds east of UTC), a
  format of Django's, and the names that the format takes, in the order in which its letters come first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cached_property, lru_cache
from itertools import chain

from django.utils import dateformat, numberformat
from django.utils.dates import MONTHS, MONTHS_3, MONTHS_ALT, MONTHS_AP, WEEKDAYS, WEEKDAYS_ABBR
from django.utils.formats import get_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as text_of_django

from djinsight import days

LETTERS = "aAbcdDeEfFgGhHiIjlLmMnNoOPrsStTUuwWyYzZ"  # what the script knows of Django's formats
_OF_ZONE = "eIT"  # letters that say what the zone is called, or whether it is summer there
_BEFORE, _AFTER = timedelta(days=400), timedelta(days=800)  # in which the names of a zone are looked for
_SEPARATORS = "~|^`"
# By the letter that takes them: texts of Django, which has them in all of its languages.
_TIMES_OF_DAY = {"A": ("AM", "PM"), "a": ("a.m.", "p.m."), "P": ("a.m.", "p.m.", "midnight", "noon")}


class Formats:
    """How numbers and times are written in the language that is active and in ``zone``."""

    def __init__(self, language: str | None, zone: tzinfo) -> None:
        self._language = language
        self._zone = zone
        self._form = str(get_format("DATETIME_FORMAT"))
        self._grouping, self._separator = get_format("NUMBER_GROUPING"), str(get_format("THOUSAND_SEPARATOR"))
        self._numbers: dict[int, str] = {}
        self.of_numbers = _of_numbers(self._grouping, self._separator)

    @cached_property
    def of_times(self) -> str:
        """Return the format of times for the script; ``"~"`` if it could not write them as Django does."""
        today = days.now().number if any(letter in self._form for letter in _OF_ZONE) else 0
        return _of_times(self._form, self._zone, self._language, today)

    def number(self, number: int) -> str:
        """Return ``number`` as people read it, in groups also if the site writes its own numbers without."""
        if number not in self._numbers:
            self._numbers[number] = numberformat.format(
                number, "", None, self._grouping, self._separator, force_grouping=True
            )
        return self._numbers[number]

    def time(self, ms: int | None) -> tuple[str, str]:
        """Return the Unix time ``ms`` in ISO 8601 and as people read it; both empty if it is no date."""
        return _time(ms, self._zone, self._form, self._language)


# 30 us each, and a page of fifty objects has a hundred of them, most of which it had when it was rendered before.
@lru_cache(maxsize=4096)
def _time(ms: int | None, zone: tzinfo, form: str, language: str | None) -> tuple[str, str]:
    when = days.to_datetime(ms)
    if when is None:
        return "", ""
    return when.isoformat(timespec="milliseconds"), dateformat.format(localtime(when, zone), form)


def _of_numbers(grouping: int | Iterable[int], separator: str) -> str:
    sizes = [grouping] if isinstance(grouping, int) else list(grouping)
    if sizes[-1:] == [0]:  # which says that the one before is repeated, as is understood
        sizes = sizes[:-1]
    return f"{','.join(map(str, sizes))}:{separator}"


@lru_cache(maxsize=256)  # 30 us each; ``language`` is the active one, of which the names are
def _of_times(form: str, zone: tzinfo, language: str | None, day: int) -> str:
    pieces = dateformat.re_formatchars.split(form)
    letters = list(dict.fromkeys(pieces[1::2]))
    named = _name(zone)
    if named is None or not set(letters) <= set(LETTERS):
        return _SEPARATORS[0]
    parts = [named, "".join(_canonical(pieces)), *chain.from_iterable(map(_names, letters))]
    if set(letters) & set(_OF_ZONE):
        parts += _names_of(zone, day)
    text = "".join(parts)
    separator = next(each for each in chain(_SEPARATORS, map(chr, range(0xE000, 0xF8FF))) if each not in text)
    return separator + separator.join(parts)


def _canonical(pieces: list[str]) -> Iterator[str]:
    """Yield the format with all that is literal escaped: Django takes more than one way of escaping."""
    for n, piece in enumerate(pieces):
        literal = dateformat.re_escaped.sub(r"\1", piece)
        yield piece if n % 2 else re.sub(rf"[\\{LETTERS}]", r"\\\g<0>", literal)


def _names(letter: str) -> list[str]:
    """Return the names that ``letter`` is replaced with, those of January and of Monday first."""
    months = {"b": MONTHS_3, "E": MONTHS_ALT, "F": MONTHS, "M": MONTHS_3, "N": MONTHS_AP}
    weekdays = {"D": WEEKDAYS_ABBR, "l": WEEKDAYS}
    if letter in months:
        names = [str(months[letter][n]) for n in range(1, 13)]
        return [name.title() for name in names] if letter == "M" else names
    if letter in weekdays:
        return [str(weekdays[letter][n]) for n in range(7)]
    return [text_of_django(name) for name in _TIMES_OF_DAY.get(letter, ())]


def _name(zone: tzinfo) -> str | None:
    """Return the name of ``zone`` for the browser, the seconds of one that never changes; None if it has neither."""
    if isinstance(zone, timezone):
        return f"{zone.utcoffset(None).total_seconds():g}"
    name = getattr(zone, "key", None) or getattr(zone, "zone", None)
    return name if isinstance(name, str) else None


def _names_of(zone: tzinfo, day: int) -> list[str]:
    """Return what ``zone`` is called around ``day``: for each offset in seconds whether it is summer, and the name."""
    now = datetime.fromordinal(days.date_of(day).toordinal()).replace(tzinfo=UTC)
    found = {}
    for n in range(int((_BEFORE + _AFTER) / timedelta(days=7))):
        local = (now - _BEFORE + n * timedelta(days=7)).astimezone(zone)
        offset = local.utcoffset() or timedelta()
        found[offset.total_seconds()] = f"{int(bool(local.dst()))} {local.tzname() or ''}"
    return [f"{offset:g} {rest}" for offset, rest in found.items()]
