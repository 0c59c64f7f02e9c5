"""The tests' site with packages that sites have beside djinsight, and that look at the fields of its models."""

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS, MIDDLEWARE

INSTALLED_APPS = [
    *INSTALLED_APPS,
    "auditlog",
    "django_filters",
    "import_export",
    "rest_framework",
    "reversion",
    "simple_history",
    "tests.libraries",
]
MIDDLEWARE = [*MIDDLEWARE, "simple_history.middleware.HistoryRequestMiddleware"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
