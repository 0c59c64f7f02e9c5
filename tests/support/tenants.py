"""Tenants: settings with django-tenants, which gives each tenant a schema. With TENANTS_SHARE they share djinsight."""

import os

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS

DATABASES = {"default": {"ENGINE": "django_tenants.postgresql_backend", "NAME": "djinsight"}}
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
TENANT_MODEL = TENANT_DOMAIN_MODEL = "auth.Group"
OURS = ["djinsight", "tests.blog"]
INSTALLED_APPS = ["django_tenants", *INSTALLED_APPS]
TENANT_APPS = ["django.contrib.contenttypes"] + ([] if os.environ.get("TENANTS_SHARE") else OURS)
SHARED_APPS = [app for app in INSTALLED_APPS if app not in TENANT_APPS or app == "django.contrib.contenttypes"]
