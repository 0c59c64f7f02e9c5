"""Formats: write numbers and times as the server and the script both do.

Each element has a format of its own, because a page may have parts in several languages: one from a cache, one that
htmx swapped in. A format is a short string of one of two kinds:

- for a number: the sizes of its groups from the right, a colon, and the separator, like ``3:,`` or ``3,2:,``; the last
  size is repeated;
- for a time: a list whose first character separates its items, which are the zone (its name, or the seconds east of
  UTC), a date format of Django's, and the names that this format needs, in the order in which its letters first occur.
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

LETTERS = "aAbcdDeEfFgGhHiIjlLmMnNoOPrsStTUuwWyYzZ"  # of Django's date formats, the letters that the script knows
_OF_ZONE = "eIT"  # letters for the name of the zone, and for summer time
_BEFORE, _AFTER = timedelta(days=400), timedelta(days=800)  # the range that is searched for the names of a zone
_SEPARATORS = "~|^`"
# Strings by the letter that needs them. Django has them in all of its languages.
_TIMES_OF_DAY = {"A": ("AM", "PM"), "a": ("a.m.", "p.m."), "P": ("a.m.", "p.m.", "midnight", "noon")}


class Formats:
    """Writes numbers and times in the active language and in ``zone``."""

    def __init__(self, language: str | None, zone: tzinfo) -> None:
        self._language = language
        self._zone = zone
        self._form = str(get_format("DATETIME_FORMAT"))
        self._grouping, self._separator = get_format("NUMBER_GROUPING"), str(get_format("THOUSAND_SEPARATOR"))
        self._numbers: dict[int, str] = {}
        self.of_numbers = _of_numbers(self._grouping, self._separator)

    @cached_property
    def of_times(self) -> str:
        """Return the format of times for the script, or ``"~"`` if the script cannot write them as Django does."""
        today = days.now().number if any(letter in self._form for letter in _OF_ZONE) else 0
        return _of_times(self._form, self._zone, self._language, today)

    def number(self, number: int) -> str:
        """Return ``number`` as people read it: always in groups, even if the site does not group its own numbers."""
        if number not in self._numbers:
            self._numbers[number] = numberformat.format(
                number, "", None, self._grouping, self._separator, force_grouping=True
            )
        return self._numbers[number]

    def time(self, ms: int | None) -> tuple[str, str]:
        """Return the Unix time ``ms`` in ISO 8601 and as people read it; both empty if there is no such date."""
        return _time(ms, self._zone, self._form, self._language)


# A call takes 30 us. A page with fifty objects has a hundred times, and most are the same when it is rendered again.
@lru_cache(maxsize=4096)
def _time(ms: int | None, zone: tzinfo, form: str, language: str | None) -> tuple[str, str]:
    when = days.to_datetime(ms)
    if when is None:
        return "", ""
    return when.isoformat(timespec="milliseconds"), dateformat.format(localtime(when, zone), form)


def _of_numbers(grouping: int | Iterable[int], separator: str) -> str:
    sizes = [grouping] if isinstance(grouping, int) else list(grouping)
    if sizes[-1:] == [0]:  # 0 repeats the size before it, which our formats always do
        sizes = sizes[:-1]
    return f"{','.join(map(str, sizes))}:{separator}"


@lru_cache(maxsize=256)  # a call takes 30 us; ``language`` is the active one, which decides the names
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
    """Yield the format with its literal parts escaped in one way, as Django knows more than one way."""
    for n, piece in enumerate(pieces):
        literal = dateformat.re_escaped.sub(r"\1", piece)
        yield piece if n % 2 else re.sub(rf"[\\{LETTERS}]", r"\\\g<0>", literal)


def _names(letter: str) -> list[str]:
    """Return the names that ``letter`` stands for, from January or Monday on."""
    months = {"b": MONTHS_3, "E": MONTHS_ALT, "F": MONTHS, "M": MONTHS_3, "N": MONTHS_AP}
    weekdays = {"D": WEEKDAYS_ABBR, "l": WEEKDAYS}
    if letter in months:
        names = [str(months[letter][n]) for n in range(1, 13)]
        return [name.title() for name in names] if letter == "M" else names
    if letter in weekdays:
        return [str(weekdays[letter][n]) for n in range(7)]
    return [text_of_django(name) for name in _TIMES_OF_DAY.get(letter, ())]


def _name(zone: tzinfo) -> str | None:
    """Return the name of ``zone`` for the browser, the seconds of a fixed offset, or None if it has neither."""
    if isinstance(zone, timezone):
        return f"{zone.utcoffset(None).total_seconds():g}"
    name = getattr(zone, "key", None) or getattr(zone, "zone", None)
    return name if isinstance(name, str) else None


def _names_of(zone: tzinfo, day: int) -> list[str]:
    """Return the names of ``zone`` around ``day``: for each offset in seconds, 1 in summer time or 0, and the name."""
    now = datetime.fromordinal(days.date_of(day).toordinal()).replace(tzinfo=UTC)
    found = {}
    for n in range(int((_BEFORE + _AFTER) / timedelta(days=7))):
        local = (now - _BEFORE + n * timedelta(days=7)).astimezone(zone)
        offset = local.utcoffset() or timedelta()
        found[offset.total_seconds()] = f"{int(bool(local.dst()))} {local.tzname() or ''}"
    return [f"{offset:g} {rest}" for offset, rest in found.items()]
