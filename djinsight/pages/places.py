"""Places: where the package's tags stand in the templates, and the state of the render that they share."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.template import Context, Library, Node

from djinsight.pages import runs

_AT = "_djinsight_place"


class PlacedNode(Node):
    """Wraps a tag's node, and notes it in the render's state while the tag renders.

    Attributes:
        cached: True if the tag is within ``{% cache %}``, whose fragments may go to different pages.
        printed: False if its output goes into a variable (``{% tag as name %}``), which may be shown elsewhere.
        place: Its place among the tags beside it.
    """

    def __init__(self, node: Node, cached: bool, place: runs.Place) -> None:
        self.node = node
        self.cached = cached
        self.printed = getattr(node, "target_var", None) is None
        self.place = place

    def render(self, context: Context) -> str:
        state = state_of(context)
        before = state.get(_AT)
        state[_AT] = self
        runs.reach(state, self.place)
        try:
            return self.node.render(context)
        finally:
            state[_AT] = before


def place_tags(register: Library) -> None:
    """Wrap all tags of ``register``, so that each of their places in the templates is known."""
    for name, compile_tag in register.tags.items():
        register.tags[name] = _placed(compile_tag, register)


def _placed(compile_tag: Callable[[Any, Any], Node], register: Library) -> Callable[[Any, Any], Node]:
    @wraps(compile_tag)  # the admin's documentation shows its docstring
    def compile_placed(parser: Any, token: Any) -> Node:
        cached = any(command == "cache" for command, _ in parser.command_stack)
        return PlacedNode(compile_tag(parser, token), cached, runs.place_of(parser, token, register.tags))

    return compile_placed


def at(context: Any) -> PlacedNode | None:
    """Return the node of the tag that renders now, or None if it is not known."""
    node: PlacedNode | None = state_of(context).get(_AT)
    return node


def state_of(context: Any) -> dict[str, Any]:
    """Return the state of the outermost template's render."""
    state: dict[str, Any] = context.render_context.dicts[1]
    return state
