"""Numbers: large numbers are abbreviated for people."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.utils.safestring import mark_safe

from djinsight.pages.numbers import abbreviate


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (1, "1"),
        (42, "42"),
        (999, "999"),
        (1000, "1.0K"),
        (1049, "1.0K"),
        (1050, "1.1K"),
        (1234, "1.2K"),
        (99_999, "100.0K"),
        (999_949, "999.9K"),
        (999_950, "1.0M"),
        (999_999, "1.0M"),
        (1_000_000, "1.0M"),
        (3_400_000, "3.4M"),
        (999_949_999, "999.9M"),
        (999_950_000, "1.0B"),
        (2e9, "2.0B"),
        (2_000_000_000, "2.0B"),
        (1e12, "1000.0B"),
        (1e15, "1000000.0B"),
        (2**63 - 1, "9223372036.9B"),
        (-1, "-1"),
        (-999, "-999"),
        (-1234, "-1.2K"),
        (-999_950, "-1.0M"),
        (0.0, "0"),
        (-0.0, "0"),
        (999.4, "999"),
        (999.9, "999"),
        (1234.5, "1.2K"),
        (Decimal(1234), "1.2K"),
        (Decimal("999.99"), "999"),
        ("1234", "1.2K"),
        ("999", "999"),
        (" 1234 ", "1.2K"),
        ("1234.5", "1.2K"),
        (mark_safe("3400000"), "3.4M"),
    ],
)
def test_number(number: Any, text: str) -> None:
    assert abbreviate(number) == text


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        " ",
        "abc",
        "1,234",
        "1.2K",
        "nan",
        "inf",
        "-infinity",
        "<b>1234</b>",
        "12\0",
        float("inf"),
        float("-inf"),
        Decimal("Infinity"),
        True,
        False,
        [],
        [1234],
        {},
        object(),
        1 + 2j,
        10**400,
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_not_a_number(value: Any) -> None:
    assert abbreviate(value) is value


@pytest.mark.parametrize("value", [float("nan"), Decimal("NaN"), Decimal("sNaN")], ids=repr)
def test_nan(value: Any) -> None:
    assert abbreviate(value) is value
