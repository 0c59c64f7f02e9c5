"""The app refuses versions of Wagtail that it does not support."""

from __future__ import annotations

import pytest
import wagtail
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured


def test_an_older_wagtail_is_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wagtail, "VERSION", (7, 3, 2, "final", 0))
    monkeypatch.setattr(wagtail, "__version__", "7.3.2")
    with pytest.raises(ImproperlyConfigured, match=r"expected Wagtail 7\.4 or later but got 7\.3\.2"):
        apps.get_app_config("djinsight_wagtail").ready()
