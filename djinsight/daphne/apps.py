"""App that stands in INSTALLED_APPS in place of ``daphne``: its ``runserver`` uses our server class."""

from __future__ import annotations

from daphne import apps


class DjinsightDaphneConfig(apps.DaphneConfig):  # type: ignore[misc]
    """Daphne's app, under our name; so Daphne's system check finds it before ``django.contrib.staticfiles``."""

    name = "djinsight.daphne"
    label = "djinsight_daphne"
    verbose_name = "Daphne for djinsight"
