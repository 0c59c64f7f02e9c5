"""Settings of the tests' site with Wagtail, apart from the others, which need none of its tables."""

from importlib.util import find_spec

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS

ROOT_URLCONF = "tests.cms.urls"
INSTALLED_APPS = [
    *INSTALLED_APPS,
    "djinsight.wagtail",
    "tests.cms",
    "wagtail.users",
    "wagtail.sites",
    "wagtail.documents",
    "wagtail.images",
    "wagtail.search",
    "wagtail.admin",
    "wagtail",
    "modelcluster",
    "taggit",
    "django_filters",
]
# wagtail-cache requires a Wagtail below 8, so it is installed only with the long-term support release (see .ci/run).
if find_spec("wagtailcache"):
    INSTALLED_APPS.append("wagtailcache")
WAGTAIL_SITE_NAME = "Tests"
WAGTAILADMIN_BASE_URL = "http://testserver"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
