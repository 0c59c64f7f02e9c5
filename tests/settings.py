"""Settings of a small site for the tests. The servers' addresses come from the environment, set by conftest.py."""

import json
import os
import sys
import tempfile
from pathlib import Path

DATA = Path(os.environ.get("TEST_DATA") or tempfile.gettempdir())
REDIS_URL = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/0")

SECRET_KEY = "only for tests"
DEBUG = False
ALLOWED_HOSTS = ["testserver", "127.0.0.1", "localhost"]
ROOT_URLCONF = "tests.urls"
USE_TZ = True
TIME_ZONE = "Europe/Prague"
LANGUAGE_CODE = "en"
STATIC_URL = "/static/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "daphne",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "channels",
    "django_celery_beat",
    "djinsight",
    "tests.blog",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [Path(__file__).parent / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

if os.environ.get("TEST_DRIVER") == "psycopg2":
    # Django prefers psycopg 3 if both are installed. With None here, Python's import does not find it.
    sys.modules["psycopg"] = None  # type: ignore[assignment]

if os.environ.get("TEST_DATABASE") == "mariadb":
    import pymysql

    pymysql.install_as_MySQLdb()
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.mysql",
            "NAME": os.environ.get("TEST_DATABASE_NAME", "djinsight"),
            "USER": "djinsight",
            "OPTIONS": {"unix_socket": os.environ["TEST_MARIADB_SOCKET"], "charset": "utf8mb4"},
            "TEST": {"NAME": "djinsight_test", "CHARSET": "utf8mb4"},
        }
    }
elif os.environ.get("TEST_DATABASE") == "postgresql":
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": os.environ.get("TEST_DATABASE_NAME", "djinsight"),
            "USER": "djinsight",
            "HOST": os.environ["TEST_POSTGRESQL_HOST"],
            "TEST": {"NAME": "djinsight_test"},
        }
    }
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.environ.get("TEST_DATABASE_NAME", DATA / "db.sqlite3"),
            "OPTIONS": {
                "timeout": 20,
                "transaction_mode": "IMMEDIATE",
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            },
            # A file, as the threads of sockets and the worker's process would not see a database in memory.
            "TEST": {"NAME": DATA / "test.sqlite3"},
        }
    }

DJINSIGHT_REDIS_URL = REDIS_URL
CACHES = {
    "default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": f"{REDIS_URL.removesuffix('/0')}/1"},
}
CHANNEL_LAYERS = {
    "default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [REDIS_URL]}}
}
ASGI_APPLICATION = "tests.asgi.application"
# No rate limits, as all tests send from one address and as fast as they can. Tests of the limits set their own.
DJINSIGHT_RATE_VISITOR = DJINSIGHT_RATE_ADDRESS = DJINSIGHT_RATE_SOCKET = None
DJINSIGHT_RATE_NEW_VISITORS = DJINSIGHT_RATE_STATS = DJINSIGHT_RATE_STATS_SITE = None
CELERY_BROKER_URL = REDIS_URL
CELERY_RESULT_BACKEND = REDIS_URL
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"

# Settings that a test gives to a process of its own.
globals().update(json.loads(os.environ.get("TEST_SETTINGS", "{}")))
