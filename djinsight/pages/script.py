"""Script element: decide which of a page's tags render it.

A tag cannot know if a browser will run the script at its place: the place may be in a ``<template>``, a ``<noscript>``
or a shadow tree, or in a fragment that a cache keeps for other pages. So each tag in the templates renders the script,
but only once in each render: a tag in a loop of fifty objects renders it once. The script starts once, however often it
is loaded.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest
from django.template import Context, Library, Node

_KEPT = "_djinsight_places"
_AT = "_djinsight_place"

# Headers of requests whose response becomes a part of a page that has a policy, and a nonce, of its own.
_PART = ("HX-Request", "Turbo-Frame", "X-PJAX", "X-Up-Version")


class PlacedNode(Node):
    """Wraps a tag's node, and notes it in the render's state while the tag renders."""

    def __init__(self, node: Node, cached: bool) -> None:
        self.node = node
        self.cached = cached  # if it is within {% cache %}, whose fragments may go to different pages

    def render(self, context: Context) -> str:
        state = _state(context)
        before = state.get(_AT)
        state[_AT] = self
        try:
            return self.node.render(context)
        finally:
            state[_AT] = before


def place_tags(register: Library) -> None:
    """Wrap all tags of ``register``, so that each of their places in the templates is known."""
    for name, compile_tag in register.tags.items():
        register.tags[name] = _placed(compile_tag)


def _placed(compile_tag: Callable[[Any, Any], Node]) -> Callable[[Any, Any], Node]:
    @wraps(compile_tag)  # the admin's documentation shows its docstring
    def compile_placed(parser: Any, token: Any) -> Node:
        cached = any(command == "cache" for command, _ in parser.command_stack)
        return PlacedNode(compile_tag(parser, token), cached)

    return compile_placed


def is_new_place(context: Any) -> bool:
    """Return if the tag that renders now renders for the first time at its place in this render."""
    state = _state(context)
    node = state.get(_AT)
    if getattr(node, "cached", False):
        return True
    # If several {% include %} render one template, its tags have several places. The number of templates in the
    # outermost layer of the state tells them apart.
    place = node, len(context.render_context.dicts[0])
    known = state.setdefault(_KEPT, set())
    if place in known:
        return False
    known.add(place)
    return True


def is_part(request: HttpRequest | None) -> bool:
    """Return if the response to ``request`` is put into a page that the browser already shows."""
    if request is None:
        return False
    headers = request.headers
    if any(name in headers for name in _PART):
        return True
    # Turbo gives the scripts of a whole new page the nonce of the page that the browser already shows.
    fetched = headers.get("Sec-Fetch-Dest") == "empty" or headers.get("X-Requested-With") == "XMLHttpRequest"
    return fetched and "X-Turbo-Request-Id" not in headers


def _state(context: Any) -> dict[str, Any]:
    """Return the state of the outermost template's render."""
    state: dict[str, Any] = context.render_context.dicts[1]
    return state
