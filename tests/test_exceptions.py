"""Exceptions: the tree, and the reasons as clients get them."""

from __future__ import annotations

import pickle

import pytest

from djinsight.exceptions import CountingUnavailable, DjinsightError, InvalidRef, InvalidToken, Reason, Rejected

WIRE = {
    "ORIGIN": "origin",
    "TOO_LARGE": "too_large",
    "BINARY": "binary",
    "MALFORMED": "malformed",
    "UNKNOWN_TYPE": "unknown_type",
    "ID": "id",
    "URL": "url",
    "REFERRER": "referrer",
    "TOKEN": "token",
    "EXPIRED": "expired",
    "SCOPE": "scope",
    "BOT": "bot",
    "DNT": "dnt",
    "DISABLED": "disabled",
    "SUBSCRIPTIONS": "subscriptions",
    "BUSY": "busy",
    "RATE": "rate",
    "UNAVAILABLE": "unavailable",
}


def test_reasons_on_the_wire() -> None:
    """Pages that are open during an upgrade know these words, so new ones may be added and none may change."""
    reasons = {reason.name: reason.value for reason in Reason}
    assert {name: reasons.get(name) for name in WIRE} == WIRE


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_is_safe_in_a_frame(reason: Reason) -> None:
    """Frames contain reasons without escaping."""
    assert reason.value.isascii()
    assert reason.value.replace("_", "").isalpha()
    assert f"{reason}" == reason.value


@pytest.mark.parametrize(
    ("error", "bases"),
    [
        (DjinsightError, {Exception}),
        (InvalidRef, {DjinsightError, ValueError}),
        (Rejected, {DjinsightError}),
        (InvalidToken, {Rejected}),
        (CountingUnavailable, {DjinsightError}),
    ],
)
def test_tree(error: type[Exception], bases: set[type[Exception]]) -> None:
    assert set(error.__bases__) == bases


def test_rejected_carries_reason_and_view() -> None:
    error = Rejected(Reason.BUSY, "view-0123456789ab")
    assert (error.reason, error.view_id, str(error)) == (Reason.BUSY, "view-0123456789ab", "busy")
    assert Rejected(Reason.BINARY).view_id is None


def test_rejected_survives_a_process_border() -> None:
    error = pickle.loads(pickle.dumps(InvalidToken(Reason.EXPIRED, "view-0123456789ab")))
    assert (type(error), error.reason, error.view_id) == (InvalidToken, Reason.EXPIRED, "view-0123456789ab")
