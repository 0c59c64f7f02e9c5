"""Runs: tags that stand beside each other and show one object, of which the first carries what all of them need.

A token has 64 characters, and a page of two hundred objects with six tags each would have it 1,200 times. So in a run
only the first tag has the token and the format of numbers. A tag can rely on another one only if nothing parts them:
no cache may keep one without the other, no library may take one alone, and a browser must see both. So the tags of a
run are siblings in one template: between them is no other block, no condition, and no HTML that starts a part of its
own.
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.template.base import Parser, Token, TokenType

from djinsight.tracked.refs import ObjectRef

# HTML that parts two tags: what browsers do not show, and what libraries select to show it elsewhere.
_PARTS = re.compile(r"<[/!]?\s*(template|noscript|main|\w+-)|\sid\s*=", re.IGNORECASE)
_COMPILED = "_djinsight_compiled"  # an attribute of the parser: the tag that it compiled last
_CARRIED = "_djinsight_carried"
_TIMES = "_djinsight_times"


class Known(NamedTuple):
    """The attributes that a tag leaves out, because the script already knows their values.

    Attributes:
        token: The token of the object, from an element of the same run.
        number: The format of numbers, from an element of the same run.
        time: The format of times, from a script element of the same render.
    """

    token: bool
    number: bool
    time: bool


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a tag in a run: the run, which is the token of its first tag, and the number of tags before it."""

    run: Token
    number: int

    def follows(self, other: Place) -> bool:
        """Return if this is the place right after ``other``."""
        return self.run is other.run and self.number == other.number + 1


@dataclass(frozen=True, slots=True)
class _Compiled:
    place: Place
    block: Token | None  # the block around the tag
    following: Token | None  # the next tag, if nothing parts them


def place_of(parser: Parser, token: Token, tags: Container[str]) -> Place:
    """Return the place of the tag that ``parser`` compiles now.

    Args:
        parser: The parser of the template.
        token: The token of the tag.
        tags: The names of all tags of the package.
    """
    last: _Compiled | None = getattr(parser, _COMPILED, None)
    stack = parser.command_stack  # its last entry is the tag itself
    block = stack[-2][1] if len(stack) > 1 else None
    if last is not None and last.following is token and last.block is block:
        place = Place(last.place.run, last.place.number + 1)
    else:
        place = Place(token, 0)
    setattr(parser, _COMPILED, _Compiled(place, block, _following(parser, tags)))
    return place


def _following(parser: Any, tags: Container[str]) -> Token | None:
    """Return the token of the next tag of the package, or None if something parts it from this one."""
    token: Token
    for token in reversed(parser.tokens):  # the parser takes them from the end
        if token.token_type is TokenType.BLOCK:
            command = token.contents.partition(" ")[0]
            if command in tags:
                return token
            if command not in parser.tags:
                return None  # the end or a branch of a block
        elif token.token_type is TokenType.TEXT and _PARTS.search(token.contents):
            return None
    return None


class _Carried(NamedTuple):
    """The token and the format of numbers that the elements of a run carry so far."""

    place: Place  # of the last tag
    ref: ObjectRef
    number: str  # the format of numbers, or an empty string if the run has no number yet


def reach(state: dict[str, Any], place: Place) -> None:
    """Note that the tag at ``place`` begins to render, which ends the run of the last tag if it does not follow it."""
    carried = state.get(_CARRIED)
    if carried is not None and not place.follows(carried.place):
        state[_CARRIED] = None


def extend(state: dict[str, Any], place: Place, ref: ObjectRef, number: str) -> tuple[bool, bool]:
    """Return if the run carries the token of ``ref`` and the format ``number``, and let it carry both from now on.

    Args:
        state: The state of the render.
        place: The place of the tag that renders.
        ref: The object that the tag shows.
        number: The format of its numbers, or an empty string if it shows only times.
    """
    carried: _Carried | None = state.get(_CARRIED)
    before = carried.number if carried is not None and carried.ref == ref else None
    state[_CARRIED] = _Carried(place, ref, number or before or "")
    return before is not None, before == number


def declare_times(state: dict[str, Any], time: str) -> None:
    """Note that a script element of this render carries the format ``time``."""
    state.setdefault(_TIMES, set()).add(time)


def has_times(state: dict[str, Any], time: str) -> bool:
    """Return if a script element of this render carries the format ``time``."""
    return time in state.get(_TIMES, ())
