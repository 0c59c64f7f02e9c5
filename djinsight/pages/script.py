"""Script element: decide which of a page's tags render it.

A tag cannot know if a browser will run the script at its place: the place may be in a ``<template>``, a ``<noscript>``
or a shadow tree, or in a fragment that a cache keeps for other pages. So each tag in the templates renders the script,
but only once in each render: a tag in a loop of fifty objects renders it once. The script starts once, however often it
is loaded.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from djinsight.pages.places import at, state_of

_KEPT = "_djinsight_places"

# Headers of requests whose response becomes a part of a page that has a policy, and a nonce, of its own.
_PART = ("HX-Request", "Turbo-Frame", "X-PJAX", "X-Up-Version")


def is_new_place(context: Any) -> bool:
    """Return if the tag that renders now renders for the first time at its place in this render."""
    node = at(context)
    if node is not None and node.cached:
        return True
    # If several {% include %} render one template, its tags have several places. The number of templates in the
    # outermost layer of the state tells them apart.
    place = node, len(context.render_context.dicts[0])
    known = state_of(context).setdefault(_KEPT, set())
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
