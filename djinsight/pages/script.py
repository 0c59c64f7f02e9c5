"""The script element: which of a page's tags bring it.

A tag cannot know whether its element is ever reached: it may stand in a ``<template>``, a ``<noscript>`` or a shadow
tree, or in a fragment that a cache keeps for other pages. So each place in the templates brings the script, once a
render: a loop of fifty objects brings it once. The script starts once, however often it is loaded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.template import Context, Library, Node

_KEPT = "_djinsight_places"
_AT = "_djinsight_place"

# Headers of requests whose answer becomes a part of a page that has a policy, and a nonce, of its own.
_PART = ("HX-Request", "Turbo-Frame", "X-PJAX", "X-Up-Version")


class PlacedNode(Node):
    """A tag that says where it stands while it renders."""

    def __init__(self, node: Node, cached: bool) -> None:
        self.node = node
        self.cached = cached  # within {% cache %}: each of its fragments is kept for itself

    def render(self, context: Context) -> str:
        state = _state(context)
        before = state.get(_AT)
        state[_AT] = self
        try:
            return self.node.render(context)
        finally:
            state[_AT] = before


def place_tags(register: Library) -> None:
    """Let all tags of ``register`` say where they stand."""
    for name, compile_tag in register.tags.items():
        register.tags[name] = _placed(compile_tag)


def _placed(compile_tag: Callable[[Any, Any], Node]) -> Callable[[Any, Any], Node]:
    def compile_placed(parser: Any, token: Any) -> Node:
        cached = any(command == "cache" for command, _ in parser.command_stack)
        return PlacedNode(compile_tag(parser, token), cached)

    return compile_placed


def is_new_place(context: Any) -> bool:
    """Return whether the tag that renders now is the first of its place in this render."""
    state = _state(context)
    node = state.get(_AT)
    if getattr(node, "cached", False):
        return True
    # A template that several {% include %} render is at several places: each has left its mark in the outermost state.
    place = node, len(context.render_context.dicts[0])
    known = state.setdefault(_KEPT, set())
    if place in known:
        return False
    known.add(place)
    return True


def is_part(request: HttpRequest | None) -> bool:
    """Return whether the answer to ``request`` is put into a page that is there already."""
    if request is None:
        return False
    headers = request.headers
    if any(name in headers for name in _PART):
        return True
    # Turbo gives the scripts of a whole page the nonce of the page that is there.
    fetched = headers.get("Sec-Fetch-Dest") == "empty" or headers.get("X-Requested-With") == "XMLHttpRequest"
    return fetched and "X-Turbo-Request-Id" not in headers


def _state(context: Any) -> dict[str, Any]:
    """The state of the outermost template's render."""
    state: dict[str, Any] = context.render_context.dicts[1]
    return state
