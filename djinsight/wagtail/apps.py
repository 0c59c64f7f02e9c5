from __future__ import annotations

from django.apps import AppConfig
from django.core import checks
from django.utils.translation import gettext_lazy as _


class DjinsightWagtailConfig(AppConfig):
    name = "djinsight.wagtail"
    label = "djinsight_wagtail"
    verbose_name = _("Page views in Wagtail")

    def ready(self) -> None:
        from djinsight.wagtail.checks import check_editors

        checks.register(check_editors, "djinsight")
