"""The app's configuration."""

from __future__ import annotations

from django.apps import AppConfig
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

OLDEST = (7, 4)


class DjinsightWagtailConfig(AppConfig):
    """Configures the app, and refuses to start with a Wagtail older than ``OLDEST``."""

    name = "djinsight.wagtail"
    label = "djinsight_wagtail"
    verbose_name = _("Page views in Wagtail")

    def ready(self) -> None:
        import wagtail

        if wagtail.VERSION < OLDEST:
            raise ImproperlyConfigured(
                f"djinsight.wagtail expected Wagtail {'.'.join(map(str, OLDEST))} or later but got "
                f"{wagtail.__version__}. Upgrade Wagtail, or remove djinsight.wagtail from INSTALLED_APPS. The mixin "
                "and the template tags work without it."
            )
        from djinsight.wagtail.checks import check_editors

        checks.register(check_editors, "djinsight")
