from __future__ import annotations

from django.apps import AppConfig
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

OLDEST = (7, 4)


class DjinsightWagtailConfig(AppConfig):
    name = "djinsight.wagtail"
    label = "djinsight_wagtail"
    verbose_name = _("Page views in Wagtail")

    def ready(self) -> None:
        import wagtail

        if wagtail.VERSION < OLDEST:
            raise ImproperlyConfigured(
                f"djinsight.wagtail expects Wagtail {'.'.join(map(str, OLDEST))} or later, not {wagtail.__version__}."
                " Upgrade Wagtail, or take djinsight.wagtail out of INSTALLED_APPS: the mixin and the tags need it not."
            )
        from djinsight.wagtail.checks import check_editors

        checks.register(check_editors, "djinsight")
