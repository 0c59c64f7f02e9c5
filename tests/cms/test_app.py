"""The app: the versions of Wagtail that it runs on."""

from __future__ import annotations

import pytest
import wagtail
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured


def test_an_older_wagtail_is_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wagtail, "VERSION", (7, 3, 2, "final", 0))
    monkeypatch.setattr(wagtail, "__version__", "7.3.2")
    with pytest.raises(ImproperlyConfigured, match=r"expects Wagtail 7\.4 or later, not 7\.3\.2"):
        apps.get_app_config("djinsight_wagtail").ready()
