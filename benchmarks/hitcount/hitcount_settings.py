"""Settings of a site with django-hitcount: the middleware that its view needs, and SQLite as on the older site."""

import os
from pathlib import Path

DATA = Path(os.environ["BENCHMARK_DATA"])

SECRET_KEY = "only for benchmarks"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "hitcount_urls"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "hitcount",
    "hitcount_site",
]
MIDDLEWARE = [
    "hitcount_site.database_time.database_time",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA / "hitcount.sqlite3",
        "CONN_MAX_AGE": None,  # else each request would open the database again
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }
}
LOGGING = {"version": 1, "disable_existing_loggers": True}
