"""Tokens: they grant what the page that minted them may count and watch, and forged ones grant nothing."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.signing import Signer

from djinsight.beacons import tokens
from djinsight.exceptions import InvalidToken, Reason, Rejected
from djinsight.tracked.refs import MAX_LENGTH as MAX_REF
from djinsight.tracked.refs import ObjectRef

REF = ObjectRef("blog", "article", "5")
LONGEST = ObjectRef("blog", "term", "x" * (MAX_REF - len("blog.term:")))
NOW = 1_790_000_000.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Yield a function that sets the time: ``clock(seconds)`` is so many seconds after ``NOW``."""

    def at(seconds: float) -> None:
        monkeypatch.setattr(tokens.time, "time", lambda: NOW + seconds)

    at(0)
    return at


def refusal(token: str, scope: Any = "view") -> Reason:
    with pytest.raises(InvalidToken) as caught:
        tokens.read(token, scope)
    assert isinstance(caught.value, Rejected)
    assert str(caught.value) == caught.value.reason.value
    return caught.value.reason


def signed(text: str) -> str:
    """Return ``text`` with a signature of this site."""
    return Signer(salt="djinsight.token").sign(text)


@pytest.mark.parametrize("scope", ["view", "watch"])
@pytest.mark.parametrize("max_age", [None, 3600, 1])
@pytest.mark.parametrize(
    "ref",
    [
        REF,
        ObjectRef("blog", "product", "01234567-89ab-4def-8123-456789abcdef"),
        ObjectRef("blog", "term", "a:b:c"),
        ObjectRef("blog", "term", "é語 🙂 <script>'\"&"),
        LONGEST,
    ],
    ids=["a number", "a UUID", "colons", "any text", "the longest"],
)
def test_round_trip(scope: Any, max_age: float | None, ref: ObjectRef, clock: Any) -> None:
    token = tokens.mint(scope, ref, max_age)
    assert tokens.read(token, scope) == ref
    assert len(token) <= tokens.MAX_LENGTH


def test_a_page_in_a_cache_stays_the_same(clock: Any) -> None:
    token = tokens.mint("view", REF)
    clock(10 * 365 * 86400)
    assert tokens.mint("view", REF) == token
    assert tokens.read(token, "view") == REF


@pytest.mark.parametrize(("minted", "asked"), [("view", "watch"), ("watch", "view")])
def test_another_scope(minted: Any, asked: Any) -> None:
    assert refusal(tokens.mint(minted, REF), asked) is Reason.SCOPE


def test_expiry(clock: Any) -> None:
    token = tokens.mint("watch", REF, 60)
    clock(59.9)
    assert tokens.read(token, "watch") == REF
    clock(60)
    assert refusal(token, "watch") is Reason.EXPIRED


def test_the_scope_is_asked_before_the_age(clock: Any) -> None:
    token = tokens.mint("watch", REF, 60)
    clock(61)
    assert refusal(token, "view") is Reason.SCOPE


TOKEN = tokens.mint("view", REF)


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("", id="empty"),
        pytest.param(":", id="a colon"),
        pytest.param(":::::", id="colons"),
        pytest.param(f"view::{REF}", id="no signature"),
        pytest.param(f"view::{REF}:", id="an empty signature"),
        pytest.param(TOKEN[:-1], id="cut"),
        pytest.param(TOKEN + "A", id="longer"),
        pytest.param(TOKEN + "\n", id="a line at the end"),
        pytest.param(" " + TOKEN, id="a space before"),
        pytest.param(TOKEN.replace(":5:", ":6:"), id="another object"),
        pytest.param(TOKEN.replace("view", "watch"), id="another scope"),
        pytest.param(tokens.mint("view", REF, 60).replace("view:", "view:9", 1), id="a later expiry"),
        pytest.param(Signer(key="another site", salt="djinsight.token").sign(f"view::{REF}"), id="another site"),
        pytest.param(Signer(salt="another use").sign(f"view::{REF}"), id="another use of the key"),
        pytest.param(signed(str(REF)), id="signed, a ref alone"),
        pytest.param(signed("view:"), id="signed, two fields"),
        pytest.param(signed("view::"), id="signed, no ref"),
        pytest.param(signed("view::nothing"), id="signed, not a ref"),
        pytest.param(signed(f"view:soon:{REF}"), id="signed, expires soon"),
        pytest.param(signed(f"view:nan:{REF}"), id="signed, expires nan"),
        pytest.param(f"{TOKEN}\0", id="NUL"),
        pytest.param(f"\ud800{TOKEN}", id="a lone surrogate"),
        pytest.param("\ud800" * 20, id="lone surrogates"),
        pytest.param("view::blog.article:\uff15:\ufb01", id="compatibility characters"),
        pytest.param("🙂" * 50, id="emoji"),
        pytest.param("x" * (tokens.MAX_LENGTH + 1), id="too long"),
        pytest.param(signed(f"view::{'x' * tokens.MAX_LENGTH}"), id="signed, too long"),
        pytest.param(signed(f"view:{'9999999999':0>300}:{REF}"), id="signed, good but too long"),
        pytest.param(":" * 4000, id="a frame of colons"),
    ],
)
def test_garbage(token: str) -> None:
    assert refusal(token) is Reason.TOKEN


def test_a_verdict_is_not_kept_beyond_a_forgery() -> None:
    """Invalid tokens are not cached, so they push no valid ones out."""
    tokens.read(TOKEN, "view")
    before = tokens._verified.cache_info().currsize
    for n in range(100):
        refusal(f"{TOKEN}{n}")
    assert tokens._verified.cache_info().currsize == before


def test_a_rotated_key(settings: Any) -> None:
    token = tokens.mint("view", REF)
    old, settings.SECRET_KEY = settings.SECRET_KEY, "the next key"
    assert refusal(token) is Reason.TOKEN

    settings.SECRET_KEY_FALLBACKS = [old]
    assert tokens.read(token, "view") == REF
    assert tokens.mint("view", REF) != token

    settings.SECRET_KEY_FALLBACKS = []
    assert refusal(token) is Reason.TOKEN


def test_expires_by_the_clock_of_the_server() -> None:
    assert tokens.read(tokens.mint("view", REF, 3600), "view") == REF
    assert refusal(tokens.mint("view", REF, -1)) is Reason.EXPIRED
