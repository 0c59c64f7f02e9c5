"""``docs/reference/settings.md`` lists exactly the settings that exist, with their defaults."""

from __future__ import annotations

import ast
import re

import pytest

from djinsight.conf import conf
from tests.support.documents import ROOT

pytestmark = pytest.mark.docs

PAGE = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `(DJINSIGHT_\w+)` \| [^|]+ \| `([^`]+)` \| [^|]+ \|$", PAGE, re.MULTILINE))


def test_every_setting_is_listed() -> None:
    assert sorted(ROWS) == sorted(setting.name for setting in conf)


@pytest.mark.parametrize("setting", list(conf), ids=lambda setting: setting.name)
def test_default(setting: object) -> None:
    assert ast.literal_eval(ROWS[setting.name]) == setting.default  # type: ignore[attr-defined]
