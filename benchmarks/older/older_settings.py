"""Settings of a site with djinsight 0.4.2, as in its README, on the Redis of the run."""

import os
from pathlib import Path

DATA = Path(os.environ["BENCHMARK_DATA"])

SECRET_KEY = "only for benchmarks"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "older_urls"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "djinsight",
    "older_site",
]
MIDDLEWARE = ["django.contrib.sessions.middleware.SessionMiddleware"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA / "older.sqlite3",
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }
}
# Its task uses the prefix as it is, and its view adds the colon. With one at the end both use equal keys.
DJINSIGHT = {"REDIS_URL": os.environ["BENCHMARK_REDIS"], "REDIS_KEY_PREFIX": "djinsight:pageview:"}
LOGGING = {"version": 1, "disable_existing_loggers": True}
