"""Settings of the tests' site with packages that inspect the fields of a site's models."""

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
