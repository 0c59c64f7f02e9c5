"""``docs/settings.md`` lists exactly the settings there are, with their defaults, and the checks there are."""

from __future__ import annotations

import ast
import re

import pytest

from djinsight.conf import conf
from tests.documents import ROOT

pytestmark = pytest.mark.docs

PAGE = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `(DJINSIGHT_\w+)` \| [^|]+ \| `([^`]+)` \| [^|]+ \|$", PAGE, re.MULTILINE))
CHECKS = re.findall(r"djinsight\.[EW]\d{3}", (ROOT / "djinsight" / "checks.py").read_text(encoding="utf-8"))


def test_every_setting_is_listed() -> None:
    assert sorted(ROWS) == sorted(setting.name for setting in conf)


@pytest.mark.parametrize("setting", list(conf), ids=lambda setting: setting.name)
def test_default(setting: object) -> None:
    assert ast.literal_eval(ROWS[setting.name]) == setting.default  # type: ignore[attr-defined]


def test_every_check_is_listed() -> None:
    assert re.findall(r"^\| `(djinsight\.[EW]\d{3})` \|", PAGE, re.MULTILINE) == sorted(set(CHECKS))
