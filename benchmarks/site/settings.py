"""Settings of a site as in the README, on the servers of the run."""

import os
from pathlib import Path
from typing import Any

DATA = Path(os.environ["BENCHMARK_DATA"])
REDIS_URL = os.environ["BENCHMARK_REDIS"]

SECRET_KEY = "only for benchmarks"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "benchmarks.site.urls"
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "static/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "channels",
    "djinsight",
    "benchmarks.site",
]
CONTEXT = ["template.context_processors.request", "contrib.auth.context_processors.auth"]
CONTEXT.append("contrib.messages.context_processors.messages")
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [Path(__file__).parent / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": [f"django.{each}" for each in CONTEXT]},
    }
]

SQLITE: dict[str, Any] = {
    "ENGINE": "django.db.backends.sqlite3",
    "NAME": DATA / "db.sqlite3",
    "OPTIONS": {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    },
}
POSTGRESQL: dict[str, Any] = {
    "ENGINE": "django.db.backends.postgresql",
    "NAME": "djinsight",
    "USER": "djinsight",
    "HOST": os.environ.get("BENCHMARK_POSTGRESQL", ""),
}
DATABASES = {"default": POSTGRESQL if POSTGRESQL["HOST"] else SQLITE}

CACHES = {"default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": REDIS_URL}}
CHANNEL_LAYERS = {
    "default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [REDIS_URL]}}
}

# No rate limits, as one socket of the load sends as much as a thousand visitors.
DJINSIGHT_RATE_VISITOR = None
DJINSIGHT_RATE_ADDRESS = None
DJINSIGHT_RATE_SOCKET = None
DJINSIGHT_RATE_NEW_VISITORS = None
# The load has sessions of its own, and reads only the answers to its views.
DJINSIGHT_VISITOR = "session"
if "BENCHMARK_RATES" in os.environ:
    DJINSIGHT_RATE_VISITOR = DJINSIGHT_RATE_ADDRESS = int(os.environ["BENCHMARK_RATES"])
if "BENCHMARK_PUSH_INTERVAL" in os.environ:
    DJINSIGHT_PUSH_INTERVAL = float(os.environ["BENCHMARK_PUSH_INTERVAL"])
